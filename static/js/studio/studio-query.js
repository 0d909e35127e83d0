// Query strings of the studio's addresses.

// Masks belong to the photo they were painted on. They leave the address together with it.
const OF_ONE_PHOTO = ["mask", "style_mask"];
// The search fields and the page of the photo strip. They are no part of the form, so they come from the page's
// address.
const KEPT = ["q", "movement", "sort", "older"];

/**
 * Everything that is chosen.
 *
 * `photos` are ids, `sample` a name or undefined, `controls` the parameters of the controls, `print` pairs of the
 * print's fields, `current` the parameters of the page's address.
 */
export function studioQuery({ photos, sample, controls, print, current }) {
  const query = new URLSearchParams(photos.map((id) => ["photos", id]));
  if (sample !== undefined) query.set("sample", sample);
  for (const [name, value] of [...controls, ...print]) query.set(name, value);
  for (const name of KEPT) if (current.get(name)) query.set(name, current.get(name));
  return query;
}

/** The choice on another page of the photo strip; `older` names that page, null is the newest. */
export function stripPageQuery(chosen, older) {
  const query = new URLSearchParams(chosen);
  if (older) query.set("older", older);
  else query.delete("older");
  // Without a chosen photo, another one comes onto the easel there.
  if (!query.has("photos") && !query.has("sample")) drop(query, OF_ONE_PHOTO);
  return query;
}

/** The choice with a sample on the easel. */
export function sampleQuery(chosen, sample) {
  const query = new URLSearchParams(chosen);
  drop(query, ["photos", ...OF_ONE_PHOTO]);
  query.set("sample", sample);
  return query;
}

/** The choice with other photos. */
export function photosQuery(chosen, photos) {
  const query = new URLSearchParams(chosen);
  drop(query, ["photos", "sample", ...OF_ONE_PHOTO]);
  return new URLSearchParams([...[...photos].map((id) => ["photos", id]), ...query]);
}

/** The address with the wall's filters; a filter with its usual value is left out. */
export function wallAddress(address, filters) {
  const result = new URL(address);
  for (const { name, value, usual } of filters) {
    if (value === usual) result.searchParams.delete(name);
    else result.searchParams.set(name, value);
  }
  return result;
}

function drop(query, names) {
  for (const name of names) query.delete(name);
}
