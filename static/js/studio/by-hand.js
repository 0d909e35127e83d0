// Masks painted on the preview: where the painting shows, and where the second style does. Grey levels in a canvas
// of the preview's size, which is sent after each stroke.
import { words } from "../words.js";
import { followWhenKept, holdUntilKept, startKeeping } from "./keeping.js";

const KINDS = {
  // The level that the mask begins with, and what the two tools paint.
  mask: { empty: 255, first: 0, second: 255, names: ["photo", "painting"] },
  style_mask: { empty: 0, first: 255, second: 0, names: ["secondStyle", "firstStyle"] },
};
const UNDO_STEPS = 20;
const STEP = 0.02; // how far an arrow key moves the brush, as a share of the long side

export function startByHand(form, stage) {
  const root = form.querySelector("[data-by-hand]");
  const canvas = form.querySelector("[data-canvas]");
  const tools = root.querySelector("[data-tools]");
  const hint = root.querySelector("[data-tools-hint]");
  const width = root.querySelector("[data-width]");
  const undo = root.querySelector("[data-undo]");
  const starters = [...root.querySelectorAll("[data-paint-mask]")];
  const screen = canvas.getContext("2d");
  const keeping = startKeeping(form, stage);
  const masks = {};
  const opened = {}; // the kind of a mask: until it can be painted on
  let opening = 0;
  let active = null;
  let tool = "first";
  let stroke = null;
  let cursor = { x: 0.5, y: 0.5 };
  let pointing = false;

  root.hidden = false;
  canvas.setAttribute("role", "application");

  // --- masks ------------------------------------------------------------------------------------

  function makeMask(kind) {
    const surface = document.createElement("canvas");
    surface.width = canvas.width = Number(stage.picture.getAttribute("width"));
    surface.height = canvas.height = Number(stage.picture.getAttribute("height"));
    const context = surface.getContext("2d", { willReadFrequently: true });
    context.fillStyle = grey(KINDS[kind].empty);
    context.fillRect(0, 0, surface.width, surface.height);
    return { surface, context, steps: [], trimmed: false, kept: "" };
  }

  /** The mask to paint on: the one in hand, the one that the form names, or a new one. */
  const openMask = (kind) => (opened[kind] ??= loadMask(kind));

  async function loadMask(kind) {
    masks[kind] = makeMask(kind);
    const id = form.elements[kind].value;
    if (!id) return;
    const kept = new Image();
    kept.src = `${stage.masks}/${id}.png`;
    await kept.decode().then(
      () => {
        masks[kind].context.drawImage(kept, 0, 0, canvas.width, canvas.height);
        masks[kind].kept = id;
      },
      () => stage.say(words("maskLost")),
    );
  }

  const grey = (level) => `rgb(${level} ${level} ${level})`;

  // --- painting ---------------------------------------------------------------------------------

  const radius = () => (Number(width.value) / 200) * Math.max(canvas.width, canvas.height);

  function stamp(x, y) {
    const { context } = masks[active];
    const level = KINDS[active][tool];
    const size = radius();
    const soft = context.createRadialGradient(x, y, size * 0.5, x, y, size);
    soft.addColorStop(0, `rgb(${level} ${level} ${level} / 1)`);
    soft.addColorStop(1, `rgb(${level} ${level} ${level} / 0)`);
    context.fillStyle = soft;
    context.fillRect(x - size, y - size, 2 * size, 2 * size);
  }

  function line(from, to) {
    const distance = Math.hypot(to.x - from.x, to.y - from.y);
    const steps = Math.max(1, Math.ceil(distance / (radius() / 3)));
    for (let step = 1; step <= steps; step += 1) {
      stamp(from.x + ((to.x - from.x) * step) / steps, from.y + ((to.y - from.y) * step) / steps);
    }
  }

  function begin(at) {
    const mask = masks[active];
    mask.steps.push(mask.context.getImageData(0, 0, canvas.width, canvas.height));
    if (mask.steps.length > UNDO_STEPS) {
      mask.steps.shift();
      mask.trimmed = true; // undoing them all leaves something on the canvas
    }
    undo.disabled = false;
    stroke = at;
    stamp(at.x, at.y);
    draw();
  }

  function end() {
    if (!stroke) return;
    stroke = null;
    keeping.keep(active, masks[active].surface);
  }

  /** The stroke that has been begun was meant for something else, as when a second finger comes to pinch. */
  function cancel() {
    if (!stroke) return;
    stroke = null;
    takeBack();
  }

  /** The canvas as it was before the last stroke. */
  function takeBack() {
    const { context, steps } = masks[active];
    context.putImageData(steps.pop(), 0, 0);
    undo.disabled = !steps.length;
    draw();
  }

  form.addEventListener("submit", end); // a stroke that is being painted is part of the picture too
  holdUntilKept(form, keeping);
  for (const link of document.querySelectorAll("[data-sign-up]")) followWhenKept(link, keeping);

  // --- what is seen -----------------------------------------------------------------------------

  /** A veil over what the first tool painted, and the brush where it stands. */
  function draw() {
    if (!active) return; // the pointer leaves a canvas that was put away under it
    const { surface } = masks[active];
    screen.globalCompositeOperation = "source-over";
    screen.clearRect(0, 0, canvas.width, canvas.height);
    const veil = veils.getContext("2d", { willReadFrequently: true });
    veils.width = Math.ceil(canvas.width / 4);
    veils.height = Math.ceil(canvas.height / 4);
    veil.drawImage(surface, 0, 0, veils.width, veils.height);
    const levels = veil.getImageData(0, 0, veils.width, veils.height);
    const empty = KINDS[active].empty;
    for (let place = 0; place < levels.data.length; place += 4) {
      const level = levels.data[place];
      levels.data.set([255, 120, 80, Math.abs(level - empty) * 0.45], place);
    }
    veil.putImageData(levels, 0, 0);
    screen.drawImage(veils, 0, 0, canvas.width, canvas.height);
    if (!pointing && document.activeElement !== canvas) return;
    const scale = canvas.width / canvas.clientWidth;
    for (const [color, thickness] of [["#000", 3], ["#fff", 1.5]]) {
      screen.strokeStyle = color;
      screen.lineWidth = thickness * scale;
      screen.beginPath();
      screen.arc(cursor.x * canvas.width, cursor.y * canvas.height, radius(), 0, 2 * Math.PI);
      screen.stroke();
    }
  }
  const veils = document.createElement("canvas");

  function place(event) {
    const frame = canvas.getBoundingClientRect();
    cursor = { x: (event.clientX - frame.left) / frame.width, y: (event.clientY - frame.top) / frame.height };
    return { x: cursor.x * canvas.width, y: cursor.y * canvas.height };
  }

  // A second finger is no brush: it calls back the stroke that the first has begun.
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return cancel();
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    pointing = true;
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.isPrimary) return;
    pointing = true;
    const at = place(event);
    if (stroke) {
      line(stroke, at);
      stroke = at;
    }
    draw();
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => event.isPrimary && end());
  canvas.addEventListener("pointerleave", () => {
    pointing = false;
    draw();
  });
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, draw);

  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.key === "Escape") return close();
    if (!move && event.key !== " ") return;
    event.preventDefault();
    if (move) {
      const far = STEP * (event.shiftKey ? 4 : 1) * Math.max(canvas.width, canvas.height);
      cursor.x = Math.min(1, Math.max(0, cursor.x + (move[0] * far) / canvas.width));
      cursor.y = Math.min(1, Math.max(0, cursor.y + (move[1] * far) / canvas.height));
      draw();
    } else {
      begin({ x: cursor.x * canvas.width, y: cursor.y * canvas.height });
      end();
    }
  });

  // --- tools ------------------------------------------------------------------------------------

  async function open(kind) {
    const mine = (opening += 1);
    await openMask(kind);
    if (mine !== opening) return; // another has been asked for meanwhile
    active = kind;
    tool = "first";
    for (const button of starters) button.setAttribute("aria-pressed", String(button.dataset.paintMask === kind));
    for (const [index, button] of [...tools.querySelectorAll("[data-tool]")].entries()) button.textContent = words(KINDS[kind].names[index]);
    pickTool("first");
    canvas.setAttribute("aria-label", words(kind === "mask" ? "paintMask" : "paintStyleMask"));
    for (const element of [canvas, tools, hint]) element.hidden = false;
    undo.disabled = !masks[kind].steps.length;
    draw();
  }

  function close() {
    end();
    const starter = starters.find((button) => button.dataset.paintMask === active);
    active = null;
    for (const button of starters) button.setAttribute("aria-pressed", "false");
    for (const element of [canvas, tools, hint]) element.hidden = true;
    starter?.focus();
  }

  function pickTool(name) {
    tool = name;
    for (const button of tools.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  }

  for (const button of starters) {
    button.addEventListener("click", () => (active === button.dataset.paintMask ? close() : open(button.dataset.paintMask)));
  }
  for (const button of tools.querySelectorAll("[data-tool]")) button.addEventListener("click", () => pickTool(button.dataset.tool));
  width.addEventListener("input", draw);
  undo.addEventListener("click", () => {
    takeBack();
    const mask = masks[active];
    if (mask.steps.length || mask.trimmed) keeping.keep(active, mask.surface);
    else keeping.take(active, mask.kept); // no mask again, or the one that was there before
  });
  root.querySelector("[data-clear]").addEventListener("click", () => {
    stroke = null;
    masks[active] = makeMask(active);
    undo.disabled = true;
    draw();
    keeping.take(active, "");
  });

  stage.changed.addEventListener("change", () => {
    const second = Boolean(form.elements.second_style.value);
    starters.find((button) => button.dataset.paintMask === "style_mask").disabled = !second;
    if (!second && active === "style_mask") close();
  });
  stage.changed.dispatchEvent(new Event("change"));
}
