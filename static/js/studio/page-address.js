// The page's address names everything that is chosen. Browsers limit how often a page may rewrite it (Safari: 100
// times in 30 seconds) and throw beyond that, so it follows a slider or a search in steps.
import { ThrottledWriter } from "./throttled-writer.js";

const INTERVAL = 350; // milliseconds between two rewrites

const writer = new ThrottledWriter((address) => history.replaceState(history.state, "", address), INTERVAL);

/** The page's address, including a rewrite that is still to come. */
export const currentAddress = () => new URL(writer.pending ?? location.href, location.href);

export const replaceAddress = (address) => writer.put(String(address));

/** Leave the page. From now on its own address stays as it is: a rewrite would cancel the navigation. */
export function navigate(address) {
  writer.flush();
  writer.pause();
  location.assign(address);
}

// However somebody leaves the page, its address is up to date when they come back.
for (const name of ["beforeunload", "pagehide"]) window.addEventListener(name, () => writer.flush());

window.addEventListener("pageshow", (event) => {
  if (event.persisted) writer.resume(); // back by the back button
});
