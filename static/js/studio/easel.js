// The easel: the large picture, its status line, and the button that compares it with the photo.
import { message } from "../messages.js";

export class Easel {
  #root;
  #status;
  #busy;
  #compare;
  #painted = null; // what is painted: { source, width, alt }
  #comparing = false;

  constructor(root) {
    this.#root = root;
    this.picture = root.querySelector("[data-picture]");
    this.#status = root.querySelector("[data-status]");
    this.#busy = root.querySelector("[data-busy]");
    this.#compare = root.querySelector("[data-compare]");
    this.previews = root.dataset.large; // the address of large previews, without a query
    this.masks = root.dataset.masks; // the address that masks are sent to
    [this.largeSide, this.draftSide] = root.dataset.sides.split(" ").map(Number);
    // A picture is shown as large as the photo in the page, however many pixels it has.
    this.picture.sizes = `${this.size.width}px`;
    this.#compare.hidden = false;
    this.#compare.addEventListener("click", () => this.#toggleComparison());
  }

  /** The size of a large preview in pixels. */
  get size() {
    const [width, height] = ["width", "height"].map((name) => Number(this.picture.getAttribute(name)));
    return { width, height };
  }

  /** The id of the photo, if it is one of the person's own. */
  get photo() {
    return this.previews.match(/\/photos\/([^/]+)\//)?.[1];
  }

  /** Show the answer to a request. */
  async show(address, blob, styleTitle) {
    const source = URL.createObjectURL(blob);
    const image = new Image();
    image.src = source;
    await image.decode();
    if (this.#painted) URL.revokeObjectURL(this.#painted.source);
    const alt = message("painted", { name: this.#root.dataset.name, painting: styleTitle() });
    this.#painted = { source, width: image.naturalWidth, alt };
    this.#update();
    this.#root.dataset.shown = address;
    this.say("");
  }

  say(sentence) {
    if (this.#status.textContent !== sentence) this.#status.textContent = sentence;
  }

  scrollToStatus() {
    this.#status.scrollIntoView({ block: "nearest" });
  }

  setBusy(busy) {
    this.#busy.hidden = !busy;
  }

  #toggleComparison() {
    this.#comparing = !this.#comparing;
    this.#compare.setAttribute("aria-pressed", String(this.#comparing));
    this.#update();
  }

  /** Show the painting, or the photo under it. */
  #update() {
    const painted = this.#comparing ? null : this.#painted;
    if (painted) this.picture.srcset = `${painted.source} ${painted.width}w`;
    else this.picture.removeAttribute("srcset");
    this.picture.alt = painted ? painted.alt : this.#root.dataset.name;
  }
}
