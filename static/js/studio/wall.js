// The wall of styles: the photo painted in each, arriving one by one; search, filter and order.
import { words } from "../words.js";
import { here, rewrite } from "./address.js";
import { reconnected, wait } from "./waiting.js";

// Few at a time: the server paints one after the other anyway, and its other threads are for pages.
const AT_ONCE = 3;
const TRIES = 8;
const PATIENCE = 60_000; // an answer that has not come by then, in milliseconds, never will

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** In lower case and without accents, as the server does it. */
const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("ß", "ss");

export function startWall(wall) {
  const box = wall.querySelector("[data-tiles]");
  const tiles = [...box.querySelectorAll("[data-tile]")];
  const search = wall.querySelector("[data-search]");
  const movement = wall.querySelector("[data-movement]");
  const order = wall.querySelector("[data-sort]");
  const found = wall.querySelector("[data-found]");
  const none = wall.querySelector("[data-none]");
  const sortNow = wall.querySelector("[data-sort-now]");
  let touched = false;
  let failed = 0;

  // --- arriving ---------------------------------------------------------------------------------

  async function arrive() {
    const waiting = [...tiles.filter((tile) => !tile.hidden), ...tiles.filter((tile) => tile.hidden)];
    const painter = async () => {
      for (let tile = waiting.shift(); tile; tile = waiting.shift()) await show(tile);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, painter));
    wall.dataset.state = failed ? "incomplete" : "complete";
    say();
    settle();
  }

  async function show(tile) {
    const preview = await persist(tile.dataset.tile);
    if (!preview) {
      failed += 1;
      tile.dataset.state = "failed";
      return;
    }
    tile.dataset.suits = preview.suits;
    const photo = tile.querySelector(".tile-photo");
    const painted = photo.cloneNode();
    painted.className = "tile-painted";
    painted.src = URL.createObjectURL(preview.picture);
    await painted.decode().catch(() => undefined);
    photo.after(painted);
    tile.dataset.state = "painted";
  }

  /** Ask until it is there: a server that is busy says when to come back, and a connection may return. */
  async function persist(address) {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      try {
        const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
        // The connection may break within the picture as well as before it.
        if (answer.ok) return { suits: answer.headers.get("X-Suits"), picture: await answer.blob() };
        if (![429, 500, 502, 503].includes(answer.status)) return null;
        await wait(1000 * Math.max(Number(answer.headers.get("Retry-After")) || 0, 2 ** attempt / 2));
      } catch {
        await reconnected(1000 * 2 ** attempt);
      }
    }
    return null;
  }

  // --- order ------------------------------------------------------------------------------------

  const keys = {
    best: (tile) => -Number(tile.dataset.suits || 0),
    title: (tile) => plain(tile.dataset.title).replace(/^(the|der|die|das) /, ""),
    year: (tile) => Number(tile.dataset.year || 10000),
  };

  function sorted() {
    const key = keys[order.value];
    const current = [...box.children];
    const compare = (one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0);
    const wanted = [...tiles].sort(compare);
    return wanted.some((tile, place) => tile !== current[place]) ? wanted : null;
  }

  /** Once all are there: sort at once, unless somebody is already choosing; then offer it. */
  function settle() {
    if (order.value !== "best" || !sorted()) return;
    if (touched || wall.contains(document.activeElement)) sortNow.hidden = false;
    else sort();
  }

  function sort() {
    sortNow.hidden = true;
    const wanted = sorted();
    if (!wanted) return;
    const before = new Map(tiles.map((tile) => [tile, tile.getBoundingClientRect()]));
    const focused = document.activeElement;
    box.append(...wanted);
    if (box.contains(focused)) focused.focus({ preventScroll: true });
    if (still.matches) return;
    for (const tile of wanted) {
      const from = before.get(tile);
      const to = tile.getBoundingClientRect();
      const move = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
      tile.animate([{ transform: move }, { transform: "none" }], { duration: 350, easing: "ease-in-out" });
    }
  }

  // --- search and filter ------------------------------------------------------------------------

  function fits(tile) {
    const asked = plain(search.value).split(/\s+/).filter(Boolean);
    return asked.every((word) => tile.dataset.words.includes(word)) && ["", tile.dataset.movement].includes(movement.value);
  }

  function filter() {
    // What is chosen stays in sight.
    for (const tile of tiles) tile.hidden = !fits(tile) && !tile.querySelector("input").checked;
    none.hidden = tiles.some(fits);
    say();
    const address = here();
    for (const input of [search, movement, order]) {
      const usual = input === order ? "best" : "";
      if (input.value === usual) address.searchParams.delete(input.name);
      else address.searchParams.set(input.name, input.value);
    }
    rewrite(address);
  }

  function say() {
    const said = words("found", { found: tiles.filter(fits).length, all: tiles.length });
    found.textContent = failed ? `${said} · ${words("notPainted", { num: failed })}` : said;
  }

  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it has been found already
  });
  movement.addEventListener("change", filter);
  order.addEventListener("change", () => {
    sort();
    filter();
  });
  sortNow.addEventListener("click", () => {
    sort();
    order.focus({ preventScroll: true }); // the button is gone
  });
  none.querySelector("[data-show-all]").addEventListener("click", (event) => {
    event.preventDefault();
    search.value = "";
    movement.value = "";
    filter();
    search.focus();
  });
  for (const name of ["pointerdown", "pointerover", "focusin", "touchstart"]) {
    box.addEventListener(name, () => (touched = true), { passive: true });
  }
  // Coming back, the browser fills in what was searched for.
  window.addEventListener("pageshow", () => {
    if (search.value || movement.value) filter();
  });

  arrive();
}
