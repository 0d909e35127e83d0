import assert from "node:assert/strict";
import { test } from "node:test";

import { priceOf } from "../../static/js/studio/price.js";

const CHOICE = { photos: 2, hasStyle: true, sample: false, cost: 3, balance: 6 };

test("each photo costs a picture, up to the whole balance", () => {
  assert.deepEqual(priceOf(CHOICE), { price: 6, payable: true, missing: null });
});

test("what is missing is named, the first thing first", () => {
  const missing = (changes) => priceOf({ ...CHOICE, ...changes }).missing;
  assert.equal(missing({ photos: 0, hasStyle: false }), "photo");
  assert.equal(missing({ photos: 0, sample: true }), "ownPhoto");
  assert.equal(missing({ hasStyle: false, balance: 5 }), "credits");
  assert.equal(missing({ hasStyle: false }), "style");
});

test("nothing can be paid while something is missing", () => {
  for (const changes of [{ photos: 0 }, { hasStyle: false }, { balance: 5 }]) {
    assert.equal(priceOf({ ...CHOICE, ...changes }).payable, false);
  }
});
