// The page's address, which says what is chosen. Browsers let a page rewrite it only so often (Safari a hundred times
// in half a minute) and throw when it is too much, so it follows a slider or a search in steps. Once the page is being
// left it is not rewritten any more, so that nothing stands against the address that the browser is on its way to.

const STEP = 350; // milliseconds between two rewritings

let waiting = null; // the newest address, until the browser has it
let timer = 0;
let written = -Infinity;
let leaving = false;

/** What the address says, or is about to say. */
export const here = () => new URL(waiting ?? location.href, location.href);

export function rewrite(address) {
  waiting = String(address);
  const rest = written + STEP - performance.now();
  if (rest <= 0) write();
  else timer ||= setTimeout(write, rest);
}

export function leaveFor(address) {
  write();
  leaving = true;
  location.assign(address);
}

function write() {
  clearTimeout(timer);
  timer = 0;
  if (waiting === null || leaving) return;
  try {
    history.replaceState(history.state, "", waiting);
    waiting = null;
  } catch {
    timer = setTimeout(write, STEP); // it was too much, for now
  }
  written = performance.now();
}

// However the page is left, its address is the newest.
for (const name of ["beforeunload", "pagehide"]) window.addEventListener(name, write);

window.addEventListener("pageshow", (event) => {
  if (event.persisted) leaving = false; // come back by the back button
});
