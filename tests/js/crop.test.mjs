import assert from "node:assert/strict";
import { test } from "node:test";

import { cropAfterKey, cropRatio, fitCrop, largestCrop, printShape } from "../../static/js/crop/geometry.js";

const LYING = { width: 600, height: 400 };
const STANDING = { width: 400, height: 600 };
const A4 = { width: 2480, height: 3508, rotates: true };
const SQUARE = cropRatio(1, LYING); // 1.5: a square's height is 1.5 times the share that its width is

function near(crop, wanted) {
  assert.deepEqual(Object.keys(crop), Object.keys(wanted));
  for (const [side, value] of Object.entries(wanted)) assert.ok(Math.abs(crop[side] - value) < 1e-9, `${side}: ${crop[side]}`);
}

test("a print has the orientation of the photo, or the one chosen", () => {
  const [standing, lying] = [3508 / 2480, 2480 / 3508];
  assert.equal(printShape(A4, "as_photo", LYING), lying);
  assert.equal(printShape(A4, "as_photo", STANDING), standing);
  assert.equal(printShape(A4, "landscape", STANDING), lying);
  assert.equal(printShape(A4, "standing", LYING), standing);
});

test("a size that does not rotate keeps its shape, and one without a width shows the whole photo", () => {
  assert.equal(printShape({ width: 1080, height: 1920, rotates: false }, "landscape", LYING), 1920 / 1080);
  assert.equal(printShape({ width: 0, height: 0, rotates: false }, "as_photo", LYING), null);
});

test("the largest crop touches two edges and lies in the middle", () => {
  near(largestCrop(SQUARE), { left: 1 / 6, top: 0, width: 2 / 3 });
  near(largestCrop(cropRatio(1, STANDING)), { left: 0, top: 1 / 6, width: 1 });
});

test("a crop is moved inside the photo", () => {
  near(fitCrop({ left: -0.2, top: 0.9, width: 0.4 }, SQUARE), { left: 0, top: 0.4, width: 0.4 });
  near(fitCrop({ left: 0.9, top: -1, width: 0.4 }, SQUARE), { left: 0.6, top: 0, width: 0.4 });
});

test("a crop is at most as wide as fits, and at least 5% of the photo unless less fits", () => {
  near(fitCrop({ left: 0, top: 0, width: 2 }, SQUARE), { left: 0, top: 0, width: 2 / 3 });
  near(fitCrop({ left: 0, top: 0, width: 0 }, SQUARE), { left: 0, top: 0, width: 0.05 });
  near(fitCrop({ left: 0, top: 0, width: 0.5 }, 40), { left: 0, top: 0, width: 1 / 40 });
});

test("arrow keys move the crop by 1%, with Shift by 5%", () => {
  const crop = { left: 0.3, top: 0.2, width: 0.4 };
  near(cropAfterKey(crop, SQUARE, { key: "ArrowLeft" }), { left: 0.29, top: 0.2, width: 0.4 });
  near(cropAfterKey(crop, SQUARE, { key: "ArrowDown", shiftKey: true }), { left: 0.3, top: 0.25, width: 0.4 });
  assert.equal(cropAfterKey(crop, SQUARE, { key: "Tab" }), null);
});

test("plus and minus resize the crop around its middle", () => {
  const crop = { left: 0.3, top: 0.2, width: 0.4 };
  near(cropAfterKey(crop, SQUARE, { key: "-", shiftKey: true }), { left: 0.325, top: 0.2375, width: 0.35 });
  near(cropAfterKey(crop, SQUARE, { key: "+" }), { left: 0.295, top: 0.1925, width: 0.41 });
});
