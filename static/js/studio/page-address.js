// Rewrites the page's address, which names everything that is chosen. Browsers allow only so many rewrites (Safari: 100
// in 30 seconds) and then throw. So the address follows a slider or a search in steps.
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

// Write the pending address before the page goes, so it is right when somebody comes back.
for (const name of ["beforeunload", "pagehide"]) window.addEventListener(name, () => writer.flush());

window.addEventListener("pageshow", (event) => {
  if (event.persisted) writer.resume(); // back by the back button
});
