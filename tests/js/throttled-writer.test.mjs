import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ThrottledWriter } from "../../static/js/studio/throttled-writer.js";

let now;
let written;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  now = 0;
  written = [];
});

const makeWriter = (write = (value) => written.push(value)) => new ThrottledWriter(write, 350, () => now);

function pass(milliseconds) {
  now += milliseconds;
  mock.timers.tick(milliseconds);
}

test("the first value is written at once, and later only the newest of an interval", () => {
  const writer = makeWriter();
  for (const value of ["a", "b", "c"]) writer.put(value);
  assert.deepEqual(written, ["a"]);
  assert.equal(writer.pending, "c");
  pass(349);
  assert.deepEqual(written, ["a"]);
  pass(1);
  assert.deepEqual(written, ["a", "c"]);
  assert.equal(writer.pending, null);
});

test("after a pause a value is written at once again", () => {
  const writer = makeWriter();
  writer.put("a");
  pass(350);
  writer.put("b");
  assert.deepEqual(written, ["a", "b"]);
});

test("a refused write is tried again after an interval, with the newest value", () => {
  let refused = 1;
  const writer = makeWriter((value) => {
    if (refused--> 0) throw new Error("too often");
    written.push(value);
  });
  writer.put("a");
  assert.equal(writer.pending, "a");
  writer.put("b");
  pass(350);
  assert.deepEqual(written, ["b"]);
});

test("flushing writes what is pending, once", () => {
  const writer = makeWriter();
  writer.put("a");
  writer.put("b");
  writer.flush();
  assert.deepEqual(written, ["a", "b"]);
  pass(1000);
  assert.deepEqual(written, ["a", "b"]);
});

test("a paused writer writes nothing until it is resumed", () => {
  const writer = makeWriter();
  writer.pause();
  writer.put("a");
  pass(1000);
  assert.deepEqual(written, []);
  assert.equal(writer.pending, "a");
  writer.resume();
  writer.flush();
  assert.deepEqual(written, ["a"]);
});
