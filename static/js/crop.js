// The part of each photo that a print shows: moved and resized on the photo by mouse, touch or keyboard.
// Three number fields beside each photo hold it, in per cent; without scripts they are all there is.
import "../vendor/cropperjs/cropper.esm.min.js";
import { words } from "./words.js";

const form = document.querySelector("[data-order]");
const HANDLES = ["nw-resize", "ne-resize", "se-resize", "sw-resize"];

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** Make an element with attributes, and put others into it. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The crop of one photo: shares of the photo, shown by a selection and kept in the fields. */
class CropTool {
  constructor(item) {
    this.item = item;
    this.stage = item.querySelector("[data-stage]");
    this.numbers = item.querySelector(".framed-numbers");
    this.fields = Object.fromEntries([...item.querySelectorAll("[data-side]")].map((field) => [field.dataset.side, field]));
    this.photo = { width: Number(item.dataset.width), height: Number(item.dataset.height) };
    this.numbers.addEventListener("change", () => this.readFields());
    new ResizeObserver(() => this.show()).observe(this.stage);
  }

  /** Take the shape of a print (height by width); null shows the whole photo. */
  frame(shape) {
    const ratio = shape && shape * (this.photo.width / this.photo.height);
    if (ratio === this.ratio) return;
    this.numbers.hidden = !ratio;
    const first = this.ratio === undefined && this.fields.width.value;
    this.ratio = ratio;
    this.widest = Math.min(1, 1 / ratio);
    this.canvas?.remove();
    this.canvas = null;
    this.stage.querySelector("svg").toggleAttribute("hidden", Boolean(ratio));
    if (!ratio) {
      for (const field of Object.values(this.fields)) field.value = "";
      return;
    }
    this.build(shape);
    if (first) this.readFields();
    else this.place((1 - this.widest) / 2, (1 - this.widest * ratio) / 2, this.widest);
  }

  build(shape) {
    const grip = (action) => make("cropper-handle", { action });
    this.selection = make(
      "cropper-selection",
      { "aspect-ratio": 1 / shape, movable: "", resizable: "", precise: "", tabindex: "0", role: "group", "aria-label": words("cropHelp", { name: this.stage.dataset.name }) },
      make("cropper-grid", { "aria-hidden": "true", covered: "", "theme-color": "rgba(255, 255, 255, 0.45)" }),
      make("cropper-handle", { action: "move", "theme-color": "transparent" }),
      ...HANDLES.map(grip),
    );
    this.selection.addEventListener("change", (event) => this.follow(event));
    this.selection.addEventListener("keydown", (event) => this.press(event));
    const image = make("img", { src: this.stage.dataset.src, alt: "" });
    this.canvas = make("cropper-canvas", {}, image, make("cropper-shade", { "theme-color": "rgba(20, 16, 12, 0.62)" }), this.selection);
    this.stage.append(this.canvas);
  }

  /** Bring what is wanted inside the photo, show it and write it down. */
  place(left, top, width) {
    this.width = clamp(width, Math.min(0.05, this.widest), this.widest);
    this.left = clamp(left, 0, 1 - this.width);
    this.top = clamp(top, 0, Math.max(0, 1 - this.width * this.ratio));
    for (const side of ["left", "top", "width"]) this.fields[side].value = (this[side] * 100).toFixed(2);
    this.show();
  }

  /** The photo's width and height on the screen. Not the stage's own height: rounded, it would change the crop's size with every move. */
  get extent() {
    const across = this.stage.clientWidth;
    return { across, down: across * (this.photo.height / this.photo.width) };
  }

  show() {
    if (!this.canvas) return;
    const { across, down } = this.extent;
    this.showing = true;
    this.selection.$change(this.left * across, this.top * down, this.width * across, this.width * this.ratio * down);
    this.showing = false;
  }

  /** The person drags or resizes: follow as far as the photo goes. */
  follow(event) {
    if (this.showing) return;
    event.preventDefault();
    const { x, y, width } = event.detail;
    const { across, down } = this.extent;
    this.place(x / across, y / down, width / across);
  }

  press(event) {
    const step = event.shiftKey ? 0.05 : 0.01;
    const moves = { ArrowLeft: [-step, 0, 0], ArrowRight: [step, 0, 0], ArrowUp: [0, -step, 0], ArrowDown: [0, step, 0], "+": [0, 0, step], "=": [0, 0, step], "-": [0, 0, -step], _: [0, 0, -step] };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    // Growing and shrinking keep the middle where it is.
    this.place(this.left + move[0] - move[2] / 2, this.top + move[1] - (move[2] * this.ratio) / 2, this.width + move[2]);
    this.fields.width.dispatchEvent(new Event("change", { bubbles: true }));
  }

  readFields() {
    const { left, top, width } = this.fields;
    if (this.ratio && width.value) this.place(left.valueAsNumber / 100 || 0, top.valueAsNumber / 100 || 0, width.valueAsNumber / 100);
  }
}

const tools = [...form.querySelectorAll("[data-framed]")].map((item) => new CropTool(item));

/** Give every photo the shape of the chosen size. */
function reframe() {
  const size = form.querySelector("input[name=size]:checked");
  const turn = form.querySelector("input[name=turn]:checked")?.value;
  const turns = "turns" in size.dataset;
  form.querySelector("[data-turns-choice]").hidden = !turns;
  for (const tool of tools) {
    const lying = turns && (turn === "as_photo" ? tool.photo.width > tool.photo.height : turn === "lying");
    const [width, height] = lying ? [size.dataset.height, size.dataset.width] : [size.dataset.width, size.dataset.height];
    tool.frame(Number(width) ? height / width : null);
  }
}

form.addEventListener("change", (event) => {
  if (["size", "turn"].includes(event.target.name)) reframe();
});
reframe();
