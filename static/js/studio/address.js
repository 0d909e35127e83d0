// The page's address, which says what is chosen. Once the page is being left it is not rewritten any more, so that
// nothing stands against the address that the browser is on its way to.

let leaving = false;

export function rewrite(address) {
  if (!leaving) history.replaceState(history.state, "", address);
}

export function leaveFor(address) {
  leaving = true;
  location.assign(address);
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) leaving = false; // come back by the back button
});
