// One mask: grey levels in a canvas of the preview's size.
import { MASK_KINDS } from "./mask-kinds.js";
import { strokePoints } from "./brush.js";
import { UndoHistory } from "./undo-history.js";

const UNDO_STEPS = 20;

export class Mask {
  #context;
  #history = new UndoHistory(UNDO_STEPS);

  constructor(kind, { width, height }) {
    this.kind = kind;
    this.savedId = ""; // the id of the mask it started from, if the server had one
    this.surface = document.createElement("canvas");
    this.surface.width = width;
    this.surface.height = height;
    this.#context = this.surface.getContext("2d", { willReadFrequently: true });
    const { empty } = MASK_KINDS[kind];
    this.#context.fillStyle = `rgb(${empty} ${empty} ${empty})`;
    this.#context.fillRect(0, 0, width, height);
  }

  /** Start from a mask of the server; rejects if it cannot be loaded. */
  async load(address, id) {
    const image = new Image();
    image.src = `${address}/${id}.png`;
    await image.decode();
    this.#context.drawImage(image, 0, 0, this.surface.width, this.surface.height);
    this.savedId = id;
  }

  /** Paint one soft dab. */
  stamp({ x, y }, radius, level) {
    const gradient = this.#context.createRadialGradient(x, y, radius * 0.5, x, y, radius);
    gradient.addColorStop(0, `rgb(${level} ${level} ${level} / 1)`);
    gradient.addColorStop(1, `rgb(${level} ${level} ${level} / 0)`);
    this.#context.fillStyle = gradient;
    this.#context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  }

  line(from, to, radius, level) {
    for (const point of strokePoints(from, to, radius)) this.stamp(point, radius, level);
  }

  /** Remember the mask as it is, for undo. */
  remember() {
    const { width, height } = this.surface;
    this.#history.push(this.#context.getImageData(0, 0, width, height));
  }

  undo() {
    this.#context.putImageData(this.#history.pop(), 0, 0);
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  /** Whether the mask is unchanged since it was opened. */
  get atStart() {
    return this.#history.atStart;
  }
}
