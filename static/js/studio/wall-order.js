// Search, filter and order of the wall. A tile here is its data: { title, words, movement, year, suits }.

/** Lower case without accents, as the server does it. */
export const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("ß", "ss");

/** Whether a tile has every word of the search, and the movement (empty is any). */
export function matches(tile, search, movement) {
  const wanted = plain(search).split(/\s+/).filter(Boolean);
  return wanted.every((word) => tile.words.includes(word)) && ["", tile.movement].includes(movement);
}

const KEYS = {
  best: (tile) => -Number(tile.suits || 0),
  title: (tile) => plain(tile.title).replace(/^(the|der|die|das) /, ""),
  year: (tile) => Number(tile.year || 10000), // unknown years come last
};

/** The items in an order ("best", "title", "year"); `data` gives an item's tile. */
export function sortTiles(items, order, data = (item) => item) {
  const key = (item) => KEYS[order](data(item));
  const compare = (one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0);
  return [...items].sort(compare);
}
