// The buttons for masks: one per mask that opens it, and the tools for the open one.
import { message } from "../../messages.js";
import { MASK_KINDS } from "./mask-kinds.js";

export class MaskToolbar {
  #tools;
  #hint;
  #width;
  #undo;
  #openers;
  #toolButtons;

  /** `actions`: toggle(kind), pickTool(name), undo(), clear() and redraw(). */
  constructor(root, actions) {
    this.#tools = root.querySelector("[data-tools]");
    this.#hint = root.querySelector("[data-tools-hint]");
    this.#width = root.querySelector("[data-width]");
    this.#undo = root.querySelector("[data-undo]");
    this.#openers = [...root.querySelectorAll("[data-paint-mask]")];
    this.#toolButtons = [...root.querySelectorAll("[data-tool]")];
    for (const button of this.#openers) button.addEventListener("click", () => actions.toggle(button.dataset.paintMask));
    for (const button of this.#toolButtons) button.addEventListener("click", () => actions.pickTool(button.dataset.tool));
    this.#width.addEventListener("input", () => actions.redraw());
    this.#undo.addEventListener("click", () => actions.undo());
    root.querySelector("[data-clear]").addEventListener("click", () => actions.clear());
    root.hidden = false;
  }

  /** The brush's width, in percent of the picture's long side. */
  get width() {
    return Number(this.#width.value);
  }

  /** Show the tools for a kind of mask, or hide them for null. */
  show(kind) {
    press(this.#openers, (button) => button.dataset.paintMask === kind);
    for (const element of [this.#tools, this.#hint]) element.hidden = !kind;
    if (!kind) return;
    const { tools } = MASK_KINDS[kind];
    for (const button of this.#toolButtons) button.textContent = message(tools[button.dataset.tool].label);
  }

  showTool(name) {
    press(this.#toolButtons, (button) => button.dataset.tool === name);
  }

  canUndo(possible) {
    this.#undo.disabled = !possible;
  }

  opener(kind) {
    return this.#openers.find((button) => button.dataset.paintMask === kind);
  }
}

function press(buttons, isPressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(isPressed(button)));
}
