// Draws over the preview while a mask is open: a tint over the painted areas, and the brush.

const SCALE = 4; // each side of the tint has so many times fewer pixels
const TINT = [255, 120, 80];
const MOST_ALPHA = 0.45;
// A white circle on a broader black circle stands out on any picture. Widths are in pixels of the screen.
const CIRCLES = [["#000", 3], ["#fff", 1.5]];

/** Turn grey levels (RGBA bytes) into the tint: the further from the empty level, the less transparent. */
export function tint(data, empty) {
  for (let index = 0; index < data.length; index += 4) {
    data.set([...TINT, Math.abs(data[index] - empty) * MOST_ALPHA], index);
  }
}

export class Overlay {
  #canvas;
  #screen;
  #tint = document.createElement("canvas");

  constructor(canvas) {
    this.#canvas = canvas;
    this.#screen = canvas.getContext("2d");
  }

  /** Draw the mask's tint, and the brush, { x, y, radius } in pixels, unless it is null. */
  draw(surface, empty, brush) {
    const { width, height } = this.#canvas;
    this.#screen.clearRect(0, 0, width, height);
    this.#drawTint(surface, empty);
    this.#screen.drawImage(this.#tint, 0, 0, width, height);
    if (brush) this.#drawBrush(brush);
  }

  #drawTint(surface, empty) {
    const width = (this.#tint.width = Math.ceil(this.#canvas.width / SCALE));
    const height = (this.#tint.height = Math.ceil(this.#canvas.height / SCALE));
    const context = this.#tint.getContext("2d", { willReadFrequently: true });
    context.drawImage(surface, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    tint(pixels.data, empty);
    context.putImageData(pixels, 0, 0);
  }

  #drawBrush({ x, y, radius }) {
    const scale = this.#canvas.width / this.#canvas.clientWidth;
    for (const [color, width] of CIRCLES) {
      this.#screen.strokeStyle = color;
      this.#screen.lineWidth = width * scale;
      this.#screen.beginPath();
      this.#screen.arc(x, y, radius, 0, 2 * Math.PI);
      this.#screen.stroke();
    }
  }
}
