import assert from "node:assert/strict";
import { test } from "node:test";

import { brushLabel, controlParams, isSlow, previewAddress, samePainting } from "../../static/js/studio/controls.js";

function data(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

test("parameters are the controls of the form that hold something", () => {
  const params = controlParams(data({ csrf_token: "x", style: "wave", strength: "0", mask: "", brush: "1" }));
  assert.equal(String(params), "style=wave&strength=0&brush=1");
});

test("the mix counts only with a second style", () => {
  assert.equal(String(controlParams(data({ style: "wave", mix: "50" }))), "style=wave");
  const both = controlParams(data({ style: "wave", second_style: "lion", mix: "50" }));
  assert.equal(String(both), "style=wave&second_style=lion&mix=50");
});

test("a preview has an address once a style is chosen", () => {
  assert.equal(previewAddress("/previews/1/large", new URLSearchParams("strength=80"), 1024), null);
  const address = previewAddress("/previews/1/large", new URLSearchParams("style=wave"), 1024);
  assert.equal(address, "/previews/1/large?style=wave&side=1024");
});

test("strength, colours, faces and mask need no other painting", () => {
  const plain = "/large?style=wave&brush=1&side=1024";
  const changed = "/large?style=wave&strength=5&keep_colors=y&brush=1&protect_faces=y&mask=m&side=1024&draft=1";
  assert.ok(samePainting(plain, changed));
});

test("each other control, the size and the photo need another painting", () => {
  const plain = "/large?style=wave&brush=1&side=1024";
  const others = [
    "/large?style=lion&brush=1&side=1024",
    "/large?style=wave&brush=2&side=1024",
    "/large?style=wave&brush=1&side=640",
    "/large?style=wave&second_style=lion&mix=50&brush=1&side=1024",
    "/large?style=wave&brush=1&style_mask=m&side=1024",
    "/other?style=wave&brush=1&side=1024",
  ];
  for (const other of others) assert.ok(!samePainting(plain, other), other);
});

test("the brush's label gives a factor from 1 up", () => {
  assert.deepEqual(brushLabel(1), { name: "natural", times: 1 });
  assert.deepEqual(brushLabel(2.5), { name: "broader", times: 2.5 });
  assert.deepEqual(brushLabel(0.75), { name: "finer", times: 1 / 0.75 });
});

test("2g, 3g and saving data are slow; unknown connections are not", () => {
  for (const connection of [{ effectiveType: "3g" }, { effectiveType: "slow-2g" }, { saveData: true }]) assert.ok(isSlow(connection));
  for (const connection of [undefined, {}, { effectiveType: "4g" }]) assert.ok(!isSlow(connection));
});
