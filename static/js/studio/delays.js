// Pauses between requests.

export const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Resolves when the connection is back, or after this long: browsers miss some reconnections. */
export const untilOnline = (milliseconds) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
  });
