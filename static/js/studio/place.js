// Ticking a photo loads the page anew. Whoever does it goes on where they were, with their eyes and with the keyboard.

const KEY = "studio.place";
const SCROLLED = ["html", "[data-tiles]"]; // the page, and the wall within it

/** Remember the photo's box, and how far everything is scrolled, for the page that comes next. */
export function keepPlace(box) {
  const tops = SCROLLED.map((name) => document.querySelector(name).scrollTop);
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ photo: box.value, tops }));
  } catch {
    // The browser keeps nothing for the site: the next page begins at its top.
  }
}

export function returnToPlace() {
  const place = takePlace();
  if (!place) return;
  // First the focus, which brings the photo into sight within its row.
  document.querySelector(`[type=checkbox][name=photos][value="${CSS.escape(place.photo)}"]`)?.focus();
  SCROLLED.forEach((name, index) => (document.querySelector(name).scrollTop = place.tops[index]));
}

function takePlace() {
  try {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return JSON.parse(kept);
  } catch {
    return null;
  }
}
