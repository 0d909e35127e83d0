// Pauses between questions to the server.
export const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Until a lost connection is back, or this long: the browser does not notice every return. */
export const reconnected = (milliseconds) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
  });
