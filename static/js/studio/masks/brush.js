// Geometry of the brush. Points are in pixels of the mask; the cursor is in shares of its width and height.

const KEY_STEP = 0.02; // how far an arrow key moves the cursor, as a share of the mask's long side
const KEY_MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The brush's radius in pixels; its width is in percent of the mask's long side. */
export const brushRadius = (percent, { width, height }) => (percent / 200) * Math.max(width, height);

/** The points to stamp the brush at, from one point to another, dense enough to look like a line. */
export function strokePoints(from, to, radius) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  const steps = Math.max(1, Math.ceil(Math.hypot(across, down) / (radius / 3)));
  return Array.from({ length: steps }, (_, index) => {
    const share = (index + 1) / steps;
    return { x: from.x + across * share, y: from.y + down * share };
  });
}

/** The cursor after an arrow key, inside the mask; null for other keys. */
export function moveCursor(cursor, { key, shiftKey }, { width, height }) {
  const move = KEY_MOVES[key];
  if (!move) return null;
  const step = KEY_STEP * (shiftKey ? 4 : 1) * Math.max(width, height);
  return { x: clamp(cursor.x + (move[0] * step) / width), y: clamp(cursor.y + (move[1] * step) / height) };
}

/** The cursor under a pointer; `box` is the canvas on the screen. */
export const cursorAt = ({ clientX, clientY }, box) => ({ x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height });

/** A cursor as a point in pixels. */
export const toPixels = (cursor, { width, height }) => ({ x: cursor.x * width, y: cursor.y * height });

const clamp = (share) => Math.min(1, Math.max(0, share));
