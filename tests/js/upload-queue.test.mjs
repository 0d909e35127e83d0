import assert from "node:assert/strict";
import { test } from "node:test";

import { brokenLimit, UploadQueue } from "../../static/js/upload/upload-queue.js";

function makeQueue() {
  const log = [];
  const ends = [];
  const queue = new UploadQueue({
    start: () => log.push("start"),
    upload: (file, position) => {
      log.push(`${position} ${file}`);
      return new Promise((resolve) => ends.push(resolve));
    },
    setSending: (sending) => log.push(sending ? "sending" : "done"),
    finish: (ids, failed) => log.push(`finish ${ids}${failed ? " failed" : ""}`),
  });
  return { queue, log, ends };
}

const turn = () => new Promise(setImmediate);

test("files go one after the other, and later ones join the batch", async () => {
  const { queue, log, ends } = makeQueue();
  const done = queue.add(["a", "b"]);
  queue.add(["c"]);
  for (const index of [0, 1, 2]) {
    assert.equal(ends.length, index + 1);
    ends[index](`id${index}`);
    await turn();
  }
  await done;
  assert.deepEqual(log, ["sending", "start", "1 a", "2 b", "3 c", "finish id0,id1,id2", "done"]);
});

test("a failed file does not hold the others up", async () => {
  const { queue, log, ends } = makeQueue();
  const done = queue.add(["a", "b"]);
  ends[0](null);
  await turn();
  ends[1]("id1");
  await done;
  assert.equal(log.at(-2), "finish id1 failed");
});

test("no files begin nothing, and a new batch counts from 1", async () => {
  const { queue, log, ends } = makeQueue();
  await queue.add([]);
  assert.deepEqual(log, []);
  for (const name of ["a", "b"]) {
    const done = queue.add([name]);
    ends.at(-1)("id");
    await done;
  }
  assert.deepEqual(log.filter((line) => /\d /.test(line)), ["1 a", "1 b"]);
});

test("too many and too large files are refused, up to the limits none", () => {
  const limits = { maxFiles: 2, maxBytes: 100 };
  assert.equal(brokenLimit({ size: 100 }, 2, limits), null);
  assert.equal(brokenLimit({ size: 100 }, 3, limits), "tooMany");
  assert.equal(brokenLimit({ size: 101 }, 1, limits), "tooLarge");
});
