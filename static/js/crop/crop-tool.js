// The crop of one photo. Mouse, touch or keyboard move and resize it. Three number fields hold it in percent.
import "../../vendor/cropperjs/cropper.esm.min.js";
import { message } from "../messages.js";
import { cropAfterKey, cropRatio, fitCrop, largestCrop } from "./geometry.js";

const SIDES = ["left", "top", "width"];
const HANDLES = ["nw-resize", "ne-resize", "se-resize", "sw-resize"];

export class CropTool {
  #frame; // the box on the screen that shows the photo
  #numbers;
  #fields; // side → number field
  #ratio; // see geometry.js; null for the whole photo, undefined at first
  #crop;
  #canvas = null;
  #selection;
  #showing = false; // we move the selection, so its events are ours

  constructor(item) {
    this.photo = { width: Number(item.dataset.width), height: Number(item.dataset.height) };
    this.#frame = item.querySelector("[data-crop-frame]");
    this.#numbers = item.querySelector(".framed-numbers");
    this.#fields = Object.fromEntries([...item.querySelectorAll("[data-side]")].map((field) => [field.dataset.side, field]));
    this.#numbers.addEventListener("change", () => this.#readFields());
    new ResizeObserver(() => this.#show()).observe(this.#frame);
  }

  /** Take the shape of a print, height by width; null shows the whole photo. */
  setShape(shape) {
    const ratio = shape && cropRatio(shape, this.photo);
    if (ratio === this.#ratio) return;
    const fromServer = this.#ratio === undefined && this.#fields.width.value;
    this.#ratio = ratio;
    this.#numbers.hidden = !ratio;
    this.#frame.querySelector("svg").toggleAttribute("hidden", Boolean(ratio));
    this.#canvas?.remove();
    this.#canvas = null;
    if (!ratio) {
      for (const field of Object.values(this.#fields)) field.value = "";
      return;
    }
    this.#build(shape);
    if (fromServer) this.#readFields();
    else this.#setCrop(largestCrop(ratio));
  }

  #build(shape) {
    this.#selection = makeSelection(shape, message("cropHelp", { name: this.#frame.dataset.name }));
    this.#selection.addEventListener("change", (event) => this.#selectionChanged(event));
    this.#selection.addEventListener("keydown", (event) => this.#keyPressed(event));
    const image = make("img", { src: this.#frame.dataset.src, alt: "" });
    const shade = make("cropper-shade", { "theme-color": "rgba(20, 16, 12, 0.62)" });
    this.#canvas = make("cropper-canvas", {}, image, shade, this.#selection);
    this.#frame.append(this.#canvas);
  }

  /** Move a crop inside the photo, write it into the fields and show it. */
  #setCrop(crop) {
    this.#crop = fitCrop(crop, this.#ratio);
    for (const side of SIDES) this.#fields[side].value = (this.#crop[side] * 100).toFixed(2);
    this.#show();
  }

  /**
   * The photo's size on the screen. The height is computed: the frame's height is rounded, and would change the crop's
   * size a little with every move.
   */
  get #extent() {
    const width = this.#frame.clientWidth;
    return { width, height: width * (this.photo.height / this.photo.width) };
  }

  #show() {
    if (!this.#canvas) return;
    const { left, top, width } = this.#crop;
    const extent = this.#extent;
    this.#showing = true;
    this.#selection.$change(left * extent.width, top * extent.height, width * extent.width, width * this.#ratio * extent.height);
    this.#showing = false;
  }

  /** After a drag or resize, keep the selection inside the photo. */
  #selectionChanged(event) {
    if (this.#showing) return;
    event.preventDefault();
    const { x, y, width } = event.detail;
    const extent = this.#extent;
    this.#setCrop({ left: x / extent.width, top: y / extent.height, width: width / extent.width });
  }

  #keyPressed(event) {
    const crop = cropAfterKey(this.#crop, this.#ratio, event);
    if (!crop || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#setCrop(crop);
    this.#fields.width.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #readFields() {
    const [left, top, width] = SIDES.map((side) => this.#fields[side].valueAsNumber / 100);
    if (this.#ratio && this.#fields.width.value) this.#setCrop({ left: left || 0, top: top || 0, width });
  }
}

function makeSelection(shape, label) {
  return make(
    "cropper-selection",
    { "aspect-ratio": 1 / shape, movable: "", resizable: "", precise: "", tabindex: "0", role: "group", "aria-label": label },
    make("cropper-grid", { "aria-hidden": "true", covered: "", "theme-color": "rgba(255, 255, 255, 0.45)" }),
    make("cropper-handle", { action: "move", "theme-color": "transparent" }),
    ...HANDLES.map((action) => make("cropper-handle", { action })),
  );
}

/** An element with attributes and children. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
