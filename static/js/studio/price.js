// What the pay bar shows for a choice.

/**
 * `photos` is the number of ticked photos, `hasStyle` whether a style is chosen, `cost` the credits for a picture.
 *
 * Returns the price, whether it can be paid, and what is still missing: "ownPhoto" (a sample is on the easel),
 * "photo", "credits", "style" or null.
 */
export function priceOf({ photos, hasStyle, sample, cost, balance }) {
  const price = photos * cost;
  return { price, payable: photos > 0 && hasStyle && price <= balance, missing: missing() };

  function missing() {
    if (!photos) return sample ? "ownPhoto" : "photo";
    if (price > balance) return "credits";
    return hasStyle ? null : "style";
  }
}
