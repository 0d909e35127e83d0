// Painting masks on the preview. After each stroke the mask is sent to the server.
import { message } from "../../messages.js";
import { BrushInput } from "./brush-input.js";
import { brushRadius } from "./brush.js";
import { MASK_KINDS } from "./mask-kinds.js";
import { MaskToolbar } from "./mask-toolbar.js";
import { MaskUploads } from "./mask-uploads.js";
import { Mask } from "./mask.js";
import { Overlay } from "./overlay.js";
import { sendMask } from "./send-mask.js";
import { followWhenSaved, SubmitHold } from "./wait-for-uploads.js";

export class MaskEditor {
  #form;
  #easel;
  #canvas;
  #toolbar;
  #overlay;
  #input;
  #uploads;
  #masks = {}; // kind → Mask
  #loads = {}; // kind → promise that the mask is loaded
  #opening = 0; // counts requests to open a mask: the newest wins
  #open = null; // the kind of the open mask, or null
  #tool = "first";
  #stroke = null; // the last point of the current stroke, or null

  /** `update()` is called when a mask in the form changes. */
  constructor(form, easel, update) {
    this.#form = form;
    this.#easel = easel;
    this.#canvas = form.querySelector("[data-canvas]");
    this.#canvas.setAttribute("role", "application");
    Object.assign(this.#canvas, easel.size);
    this.#overlay = new Overlay(this.#canvas);
    this.#toolbar = this.#makeToolbar();
    this.#input = this.#makeInput();
    this.#uploads = this.#makeUploads(update);
    form.addEventListener("submit", () => this.#end()); // a stroke in progress counts, too
    new SubmitHold(form, this.#uploads, () => easel.scrollToStatus());
    for (const link of document.querySelectorAll("[data-sign-up]")) followWhenSaved(link, this.#uploads);
  }

  /** Follow a change of the controls: without a second style there is no mask for it. */
  controlsChanged() {
    const second = Boolean(this.#form.elements.second_style.value);
    this.#toolbar.opener("style_mask").disabled = !second;
    if (!second && this.#open === "style_mask") this.#close();
  }

  #makeToolbar() {
    return new MaskToolbar(this.#form.querySelector("[data-mask-editor]"), {
      toggle: (kind) => (this.#open === kind ? this.#close() : this.#openMask(kind)),
      pickTool: (name) => this.#pickTool(name),
      undo: () => this.#undo(),
      clear: () => this.#clear(),
      redraw: () => this.#draw(),
    });
  }

  #makeInput() {
    return new BrushInput(this.#canvas, {
      begin: (point) => this.#begin(point),
      extend: (point) => this.#extend(point),
      end: () => this.#end(),
      cancel: () => this.#cancel(),
      redraw: () => this.#draw(),
      close: () => this.#close(),
    });
  }

  #makeUploads(update) {
    const { elements } = this.#form;
    return new MaskUploads({
      send: (surface) => sendMask(this.#easel.masks, elements.csrf_token.value, surface),
      report: (sentence) => this.#easel.say(sentence),
      needed: (kind) => kind === "mask" || Boolean(elements.second_style.value),
      accept: (kind, id) => {
        elements[kind].value = id;
        update();
      },
    });
  }

  // --- opening and closing ----------------------------------------------------------------------

  async #openMask(kind) {
    const opening = (this.#opening += 1);
    await (this.#loads[kind] ??= this.#loadMask(kind));
    if (opening !== this.#opening) return;
    this.#open = kind;
    this.#toolbar.show(kind);
    this.#pickTool("first");
    this.#canvas.setAttribute("aria-label", message(MASK_KINDS[kind].help));
    this.#canvas.hidden = false;
    this.#draw();
  }

  /** A new mask, or the one that the form names. */
  async #loadMask(kind) {
    const mask = (this.#masks[kind] = new Mask(kind, this.#easel.size));
    const id = this.#form.elements[kind].value;
    if (id) await mask.load(this.#easel.masks, id).catch(() => this.#easel.say(message("maskLost")));
  }

  #close() {
    this.#end();
    const opener = this.#toolbar.opener(this.#open);
    this.#open = null;
    this.#toolbar.show(null);
    this.#canvas.hidden = true;
    opener?.focus();
  }

  #pickTool(name) {
    this.#tool = name;
    this.#toolbar.showTool(name);
  }

  // --- strokes ----------------------------------------------------------------------------------

  get #mask() {
    return this.#masks[this.#open];
  }

  get #radius() {
    return brushRadius(this.#toolbar.width, this.#canvas);
  }

  get #level() {
    return MASK_KINDS[this.#open].tools[this.#tool].level;
  }

  #begin(point) {
    this.#mask.remember();
    this.#stroke = point;
    this.#mask.stamp(point, this.#radius, this.#level);
    this.#draw();
  }

  #extend(point) {
    if (!this.#stroke) return;
    this.#mask.line(this.#stroke, point, this.#radius, this.#level);
    this.#stroke = point;
  }

  #end() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#uploads.save(this.#open, this.#mask.surface);
  }

  #cancel() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#mask.undo();
    this.#draw();
  }

  #undo() {
    this.#mask.undo();
    this.#draw();
    if (this.#mask.atStart) this.#uploads.use(this.#open, this.#mask.savedId);
    else this.#uploads.save(this.#open, this.#mask.surface);
  }

  #clear() {
    this.#stroke = null;
    this.#masks[this.#open] = new Mask(this.#open, this.#easel.size);
    this.#draw();
    this.#uploads.use(this.#open, "");
  }

  #draw() {
    if (!this.#open) return; // closing hides the canvas, so the pointer leaves it
    const point = this.#input.brush;
    const brush = point && { ...point, radius: this.#radius };
    this.#overlay.draw(this.#mask.surface, MASK_KINDS[this.#open].empty, brush);
    this.#toolbar.canUndo(this.#mask.canUndo);
  }
}
