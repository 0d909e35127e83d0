// Turns pointer and keyboard on the canvas into strokes.
import { cursorAt, moveCursor, toPixels } from "./brush.js";

export class BrushInput {
  #canvas;
  #actions;
  #pointing = false;
  #cursor = { x: 0.5, y: 0.5 };

  /** `actions`: begin(point), extend(point), end(), cancel(), redraw() and close(). */
  constructor(canvas, actions) {
    this.#canvas = canvas;
    this.#actions = actions;
    canvas.addEventListener("pointerdown", (event) => this.#pressed(event));
    canvas.addEventListener("pointermove", (event) => this.#moved(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => event.isPrimary && actions.end());
    canvas.addEventListener("pointerleave", () => {
      this.#pointing = false;
      actions.redraw();
    });
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => actions.redraw());
    canvas.addEventListener("keydown", (event) => this.#keyPressed(event));
  }

  /** Where the brush is, in pixels; null while neither pointer nor focus is on the canvas. */
  get brush() {
    return this.#pointing || document.activeElement === this.#canvas ? this.#point : null;
  }

  get #point() {
    return toPixels(this.#cursor, this.#canvas);
  }

  #pressed(event) {
    // A second finger pinches or scrolls, so the first finger's stroke does not count.
    if (!event.isPrimary) return this.#actions.cancel();
    if (event.button !== 0) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#follow(event);
    this.#actions.begin(this.#point);
  }

  #moved(event) {
    if (!event.isPrimary) return;
    this.#follow(event);
    this.#actions.extend(this.#point);
    this.#actions.redraw();
  }

  #follow(event) {
    this.#pointing = true;
    this.#cursor = cursorAt(event, this.#canvas.getBoundingClientRect());
  }

  #keyPressed(event) {
    if (event.key === "Escape") return this.#actions.close();
    const moved = moveCursor(this.#cursor, event, this.#canvas);
    if (!moved && event.key !== " ") return;
    event.preventDefault();
    if (moved) {
      this.#cursor = moved;
      this.#actions.redraw();
    } else {
      this.#actions.begin(this.#point);
      this.#actions.end();
    }
  }
}
