import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { matches, plain, sortTiles } from "../../static/js/studio/wall-order.js";
import { forEachFew, loadPreview } from "../../static/js/studio/wall-previews.js";

const WAVE = { title: "The Great Wave", words: "the great wave hokusai ukiyo-e", movement: "Ukiyo-e", year: "1831", suits: "0.5" };
const SCREAM = { title: "Der Schrei", words: "der schrei munch", movement: "Expressionism", year: "1893", suits: "0.9" };
const LION = { title: "Löwe", words: "lowe", movement: "", year: "", suits: undefined };

afterEach(() => mock.restoreAll());

test("search ignores case and accents", () => {
  assert.equal(plain("Große Ähre, ÉTÉ"), "grosse ahre, ete");
});

test("a tile matches every word of the search, in any order, and the movement", () => {
  assert.ok(matches(WAVE, "HOKUSAI  wave ", ""));
  assert.ok(matches(LION, "löwe", ""));
  assert.ok(!matches(WAVE, "wave munch", ""));
  assert.ok(matches(WAVE, "", "Ukiyo-e"));
  assert.ok(!matches(WAVE, "wave", "Expressionism"));
});

test("the best come first, styles without a figure last", () => {
  assert.deepEqual(sortTiles([LION, WAVE, SCREAM], "best"), [SCREAM, WAVE, LION]);
});

test("titles sort without their article, years with unknown ones last", () => {
  assert.deepEqual(sortTiles([SCREAM, LION, WAVE], "title"), [WAVE, LION, SCREAM]);
  assert.deepEqual(sortTiles([LION, SCREAM, WAVE], "year"), [WAVE, SCREAM, LION]);
});

test("sorting leaves the list as it is, and takes the data of other items", () => {
  const items = [{ tile: WAVE }, { tile: SCREAM }];
  assert.deepEqual(sortTiles(items, "best", (item) => item.tile), [items[1], items[0]]);
  assert.equal(items[0].tile, WAVE);
});

test("three items are worked on at once, in order", async () => {
  const begun = [];
  const ends = [];
  const done = forEachFew(["a", "b", "c", "d"], (item) => {
    begun.push(item);
    return new Promise((resolve) => ends.push(resolve));
  });
  assert.deepEqual(begun, ["a", "b", "c"]);
  ends[1]();
  await new Promise(setImmediate);
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
  for (const end of ends) end();
  await done;
});

/** Answer requests with these, one after the other; an Error is a broken connection. Returns the pauses between. */
function serve(...answers) {
  const pauses = [];
  mock.method(globalThis, "fetch", async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const pause = (name) => async (milliseconds) => pauses.push([name, milliseconds]);
  return { pauses, delay: pause("delay"), untilOnline: pause("online") };
}

const busy = (status, headers = {}) => new Response("", { status, headers });

test("a preview comes with how well its style suits", async () => {
  const { picture, suits } = await loadPreview("/a", serve(new Response("pixels", { headers: { "X-Suits": "0.7" } })));
  assert.equal(suits, "0.7");
  assert.equal(await picture.text(), "pixels");
});

test("a busy server is asked again later each time, and not before it wants", async () => {
  const line = serve(busy(503), busy(429, { "Retry-After": "9" }), new Error("network"), new Response("pixels"));
  assert.equal(await (await loadPreview("/a", line)).picture.text(), "pixels");
  assert.deepEqual(line.pauses, [["delay", 500], ["delay", 9000], ["online", 4000]]);
});

test("a refusal ends it at once, a busy server after eight tries", async () => {
  const refusing = serve(busy(404));
  assert.equal(await loadPreview("/a", refusing), null);
  assert.deepEqual(refusing.pauses, []);
  const failing = serve(...Array.from({ length: 9 }, () => busy(500)));
  assert.equal(await loadPreview("/a", failing), null);
  assert.equal(failing.pauses.length, 8);
});
