// The controls as parameters of a preview's address.

export const FIELDS = ["style", "second_style", "mix", "strength", "keep_colors", "brush", "protect_faces", "mask", "style_mask"];
// The server keeps each painting at full strength in memory. These parameters need no new painting.
const SAME_PAINTING = new Set(["strength", "keep_colors", "protect_faces", "mask", "draft"]);

/** The controls from a form's data, without empty ones, and without the mix if there is no second style. */
export function controlParams(data) {
  const params = new URLSearchParams();
  for (const name of FIELDS) {
    const value = data.get(name);
    if (value && !(name === "mix" && !data.get("second_style"))) params.set(name, value);
  }
  return params;
}

/** The address of a preview with this long side in pixels, or null while no style is chosen. */
export function previewAddress(base, controls, side) {
  if (!controls.has("style")) return null;
  const params = new URLSearchParams(controls);
  params.set("side", side);
  return `${base}?${params}`;
}

/** Whether two preview addresses need the same painting at full strength. */
export const samePainting = (one, other) => paintingKey(one) === paintingKey(other);

function paintingKey(address) {
  const [path, query] = address.split("?");
  return path + [...new URLSearchParams(query)].filter(([name]) => !SAME_PAINTING.has(name)).join("&");
}

/** The label of a brush size: the name of a message, and a factor of at least 1. */
export function brushLabel(size) {
  if (size === 1) return { name: "natural", times: 1 };
  return { name: size > 1 ? "broader" : "finer", times: Math.max(size, 1 / size) };
}

/** Whether a connection (navigator.connection, where there is one) is slow or saves data. */
export const isSlow = (connection) => Boolean(connection?.saveData || /2g|3g/.test(connection?.effectiveType ?? ""));
