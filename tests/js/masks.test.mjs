import assert from "node:assert/strict";
import { test } from "node:test";

import { brushRadius, cursorAt, moveCursor, strokePoints, toPixels } from "../../static/js/studio/masks/brush.js";
import { MaskUploads } from "../../static/js/studio/masks/mask-uploads.js";
import { tint } from "../../static/js/studio/masks/overlay.js";
import { UndoHistory } from "../../static/js/studio/masks/undo-history.js";

const SIZE = { width: 200, height: 100 };

// --- brush --------------------------------------------------------------------------------------

test("the brush's width is in percent of the long side", () => {
  assert.equal(brushRadius(10, SIZE), 10);
  assert.equal(brushRadius(10, { width: 100, height: 200 }), 10);
});

test("a stroke stamps at least every third of the radius, and ends at its end", () => {
  const points = strokePoints({ x: 0, y: 0 }, { x: 30, y: 40 }, 30);
  assert.equal(points.length, 5);
  assert.deepEqual(points[0], { x: 6, y: 8 });
  assert.deepEqual(points.at(-1), { x: 30, y: 40 });
  assert.deepEqual(strokePoints({ x: 5, y: 5 }, { x: 5, y: 5 }, 30), [{ x: 5, y: 5 }]);
});

test("arrow keys move the cursor equally far in pixels, with Shift further, and not out of the mask", () => {
  const middle = { x: 0.5, y: 0.5 };
  assert.deepEqual(moveCursor(middle, { key: "ArrowRight" }, SIZE), { x: 0.52, y: 0.5 });
  assert.deepEqual(moveCursor(middle, { key: "ArrowDown", shiftKey: true }, SIZE), { x: 0.5, y: 0.66 });
  assert.deepEqual(moveCursor({ x: 0.01, y: 1 }, { key: "ArrowLeft" }, SIZE), { x: 0, y: 1 });
  assert.equal(moveCursor(middle, { key: "Enter" }, SIZE), null);
});

test("a pointer's place on the screen becomes a point of the mask", () => {
  const cursor = cursorAt({ clientX: 60, clientY: 30 }, { left: 10, top: 20, width: 100, height: 50 });
  assert.deepEqual(cursor, { x: 0.5, y: 0.2 });
  assert.deepEqual(toPixels(cursor, SIZE), { x: 100, y: 20 });
});

test("the tint is the stronger the further a level is from the empty one", () => {
  const data = new Uint8ClampedArray([255, 255, 255, 255, 0, 0, 0, 255]);
  tint(data, 255);
  assert.deepEqual([...data], [255, 120, 80, 0, 255, 120, 80, 115]);
});

// --- undo ---------------------------------------------------------------------------------------

test("undo gives the states back, the last one first", () => {
  const history = new UndoHistory(3);
  assert.ok(history.atStart);
  history.push("a");
  history.push("b");
  assert.equal(history.pop(), "b");
  assert.ok(history.canUndo && !history.atStart);
  assert.equal(history.pop(), "a");
  assert.ok(!history.canUndo && history.atStart);
});

test("beyond its limit the history never comes back to the start", () => {
  const history = new UndoHistory(2);
  for (const state of ["a", "b", "c"]) history.push(state);
  assert.deepEqual([history.pop(), history.pop()], ["c", "b"]);
  assert.ok(!history.canUndo && !history.atStart);
});

// --- uploads ------------------------------------------------------------------------------------

function makeUploads({ needed = () => true } = {}) {
  const sent = [];
  const log = [];
  const uploads = new MaskUploads({
    send: (surface) => new Promise((resolve) => sent.push({ surface, resolve })),
    accept: (kind, id) => log.push(`${kind}=${id}`),
    report: (sentence) => log.push(sentence),
    needed,
  });
  return { uploads, sent, log };
}

const turn = () => new Promise(setImmediate);

test("a saved mask's id goes into the form", async () => {
  const { uploads, sent, log } = makeUploads();
  uploads.save("mask", "pixels");
  assert.ok(!uploads.complete);
  assert.equal(sent[0].surface, "pixels");
  sent[0].resolve({ id: "1" });
  await turn();
  assert.deepEqual(log, ["mask=1"]);
  assert.ok(uploads.complete);
});

test("an older upload that answers late changes nothing", async () => {
  const { uploads, sent, log } = makeUploads();
  uploads.save("mask", "first");
  uploads.save("mask", "second");
  sent[1].resolve({ id: "2" });
  await turn();
  sent[0].resolve({ id: "1" });
  await turn();
  assert.deepEqual(log, ["mask=2"]);
});

test("choosing an id, or none, gives up the upload on its way", async () => {
  const { uploads, sent, log } = makeUploads();
  uploads.save("mask", "pixels");
  uploads.use("mask", "");
  assert.ok(uploads.complete);
  sent[0].resolve({ id: "1" });
  await turn();
  assert.deepEqual(log, ["mask="]);
});

test("a failed upload is reported, and tried once more when the form is sent", async () => {
  const { uploads, sent, log } = makeUploads();
  uploads.save("mask", "pixels");
  sent[0].resolve({ error: "No connection." });
  await turn();
  const settled = uploads.settle();
  sent[1].resolve({ error: "No connection." });
  assert.equal(await settled, false);
  const again = uploads.settle();
  sent[2].resolve({ id: "3" });
  assert.equal(await again, true);
  assert.deepEqual(log, ["No connection.", "No connection.", "mask=3"]);
});

test("settling waits for strokes that come meanwhile", async () => {
  const { uploads, sent } = makeUploads();
  uploads.save("mask", "first");
  const settled = uploads.settle();
  uploads.save("mask", "second");
  sent[0].resolve({ id: "1" });
  await turn();
  assert.ok(!uploads.complete);
  sent[1].resolve({ id: "2" });
  assert.equal(await settled, true);
});

test("a mask that no picture uses holds nothing up", async () => {
  const { uploads } = makeUploads({ needed: (kind) => kind === "mask" });
  uploads.save("style_mask", "pixels");
  assert.ok(uploads.complete);
  assert.equal(await uploads.settle(), true);
});
