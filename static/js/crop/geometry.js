// Geometry of a crop, { left, top, width } in shares of the photo. Its height follows from the print's shape.
// `ratio` is the crop's height, as a share of the photo's height, per share of its width.

const LEAST_WIDTH = 0.05;
const [STEP, LARGE_STEP] = [0.01, 0.05];
// How a key changes left, top and width, in steps.
const KEYS = {
  ArrowLeft: [-1, 0, 0],
  ArrowRight: [1, 0, 0],
  ArrowUp: [0, -1, 0],
  ArrowDown: [0, 1, 0],
  "+": [0, 0, 1],
  "=": [0, 0, 1],
  "-": [0, 0, -1],
  _: [0, 0, -1],
};

/**
 * The shape of a print, height by width; null if it shows the whole photo (a width of 0).
 *
 * `size` is { width, height, rotates }. `orientation` is "as_photo", "portrait" or "landscape".
 */
export function printShape(size, orientation, photo) {
  if (!size.width) return null;
  const wanted = orientation === "as_photo" && photo.width > photo.height ? "landscape" : orientation;
  const landscape = size.rotates && wanted === "landscape";
  return landscape ? size.width / size.height : size.height / size.width;
}

/** The ratio of a crop of this shape. */
export const cropRatio = (shape, photo) => shape * (photo.width / photo.height);

const widest = (ratio) => Math.min(1, 1 / ratio);

/** The largest crop, in the photo's middle. */
export function largestCrop(ratio) {
  const width = widest(ratio);
  return { left: (1 - width) / 2, top: (1 - width * ratio) / 2, width };
}

/** The nearest crop that lies inside the photo. */
export function fitCrop(crop, ratio) {
  const most = widest(ratio);
  const width = clamp(crop.width, Math.min(LEAST_WIDTH, most), most);
  const left = clamp(crop.left, 0, 1 - width);
  const top = clamp(crop.top, 0, Math.max(0, 1 - width * ratio));
  return { left, top, width };
}

/** The crop after a key was pressed, or null if the key does nothing. Resizing keeps the middle in place. */
export function cropAfterKey(crop, ratio, { key, shiftKey }) {
  const change = KEYS[key];
  if (!change) return null;
  const step = shiftKey ? LARGE_STEP : STEP;
  const [left, top, width] = change.map((steps) => steps * step);
  return { left: crop.left + left - width / 2, top: crop.top + top - (width * ratio) / 2, width: crop.width + width };
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
