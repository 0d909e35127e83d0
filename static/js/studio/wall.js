// The wall of styles: the photo painted in each, loaded one by one; search, filter and order.
import { message } from "../messages.js";
import { currentAddress, replaceAddress } from "./page-address.js";
import { wallAddress } from "./studio-query.js";
import { matches, sortTiles } from "./wall-order.js";
import { forEachFew, loadPreview } from "./wall-previews.js";

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class Wall {
  #touched = false; // somebody is choosing: tiles do not move by themselves any more
  #failed = 0;

  constructor(root) {
    const find = (name) => root.querySelector(`[data-${name}]`);
    this.root = root;
    this.box = find("tiles");
    this.tiles = [...root.querySelectorAll("[data-tile]")];
    this.search = find("search");
    this.movement = find("movement");
    this.order = find("sort");
    this.found = find("found");
    this.none = find("none");
    this.sortNow = find("sort-now");
    this.#listenToFinder();
    this.#listenToTiles();
  }

  /** Load all previews, those in sight first. */
  async load() {
    const hidden = (tile) => Number(tile.hidden);
    const inSightFirst = [...this.tiles].sort((one, other) => hidden(one) - hidden(other));
    await forEachFew(inSightFirst, (tile) => this.#loadTile(tile));
    this.root.dataset.state = this.#failed ? "incomplete" : "complete";
    this.#showCount();
    this.#sortWhenLoaded();
  }

  async #loadTile(tile) {
    const preview = await loadPreview(tile.dataset.tile);
    if (!preview) {
      this.#failed += 1;
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

  // --- order ------------------------------------------------------------------------------------

  /** The tiles in the chosen order, or null if they stand in it already. */
  #newOrder() {
    const current = [...this.box.children];
    const wanted = sortTiles(this.tiles, this.order.value, (tile) => tile.dataset);
    return wanted.some((tile, index) => tile !== current[index]) ? wanted : null;
  }

  /** Sort once all previews are there. While somebody chooses, a button offers it instead. */
  #sortWhenLoaded() {
    if (this.order.value !== "best" || !this.#newOrder()) return;
    if (this.#touched || this.root.contains(document.activeElement)) this.sortNow.hidden = false;
    else this.#sort();
  }

  #sort() {
    this.sortNow.hidden = true;
    const wanted = this.#newOrder();
    if (!wanted) return;
    const before = new Map(this.tiles.map((tile) => [tile, tile.getBoundingClientRect()]));
    const focused = document.activeElement;
    this.box.append(...wanted);
    if (this.box.contains(focused)) focused.focus({ preventScroll: true });
    if (!reducedMotion.matches) for (const tile of wanted) slideFrom(tile, before.get(tile));
  }

  // --- search and filter ------------------------------------------------------------------------

  #matches(tile) {
    return matches(tile.dataset, this.search.value, this.movement.value);
  }

  #filter() {
    // The chosen style stays in sight.
    for (const tile of this.tiles) tile.hidden = !this.#matches(tile) && !tile.querySelector("input").checked;
    this.none.hidden = this.tiles.some((tile) => this.#matches(tile));
    this.#showCount();
    const fields = [[this.search, ""], [this.movement, ""], [this.order, "best"]];
    const filters = fields.map(([{ name, value }, usual]) => ({ name, value, usual }));
    replaceAddress(wallAddress(currentAddress(), filters));
  }

  #showCount() {
    const found = this.tiles.filter((tile) => this.#matches(tile)).length;
    const count = message("found", { found, all: this.tiles.length });
    this.found.textContent = this.#failed ? `${count} · ${message("notPainted", { num: this.#failed })}` : count;
  }

  #showAll() {
    this.search.value = "";
    this.movement.value = "";
    this.#filter();
    this.search.focus();
  }

  // --- events -----------------------------------------------------------------------------------

  #listenToFinder() {
    this.search.addEventListener("input", () => this.#filter());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault(); // the wall is filtered already
    });
    this.movement.addEventListener("change", () => this.#filter());
    this.order.addEventListener("change", () => {
      this.#sort();
      this.#filter();
    });
    this.sortNow.addEventListener("click", () => {
      this.#sort();
      this.order.focus({ preventScroll: true }); // the button is gone
    });
    this.none.querySelector("[data-show-all]").addEventListener("click", (event) => {
      event.preventDefault();
      this.#showAll();
    });
    // After the back button, the browser restores the search.
    window.addEventListener("pageshow", () => {
      if (this.search.value || this.movement.value) this.#filter();
    });
  }

  #listenToTiles() {
    for (const name of ["pointerdown", "pointerover", "focusin", "touchstart"]) {
      this.box.addEventListener(name, () => (this.#touched = true), { passive: true });
    }
  }
}

/** Animate a tile from where it was before. */
function slideFrom(tile, from) {
  const to = tile.getBoundingClientRect();
  const transform = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
  tile.animate([{ transform }, { transform: "none" }], { duration: 350, easing: "ease-in-out" });
}
