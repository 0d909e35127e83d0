// Keeps scroll position and keyboard focus when ticking a photo loads the page again.

const KEY = "studio.scroll";
const SCROLLED = ["html", "[data-tiles]"]; // the page, and the wall in it

/** Save the photo's checkbox and the scroll positions for the next page. */
export function saveScroll(checkbox) {
  const tops = SCROLLED.map((selector) => document.querySelector(selector).scrollTop);
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ photo: checkbox.value, tops }));
  } catch {
    // The browser stores nothing for this site: the next page begins at its top.
  }
}

/** Restore what the page before has saved. */
export function restoreScroll() {
  const saved = takeSaved();
  if (!saved) return;
  // Focus comes first, as it scrolls the photo into view in its strip.
  document.querySelector(`[type=checkbox][name=photos][value="${CSS.escape(saved.photo)}"]`)?.focus();
  SCROLLED.forEach((selector, index) => (document.querySelector(selector).scrollTop = saved.tops[index]));
}

function takeSaved() {
  try {
    const saved = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return JSON.parse(saved);
  } catch {
    return null;
  }
}
