import assert from "node:assert/strict";
import { test } from "node:test";

import { photosQuery, sampleQuery, stripPageQuery, studioQuery, wallAddress } from "../../static/js/studio/studio-query.js";

const CHOSEN = new URLSearchParams("photos=1&photos=2&style=wave&mask=m&style_mask=s&older=9");

test("the studio's query holds photos, controls, print and what the finder was asked", () => {
  const query = studioQuery({
    photos: ["1", "2"],
    sample: undefined,
    controls: new URLSearchParams("style=wave&strength=80"),
    print: [["size", "a4"]],
    current: new URLSearchParams("q=sea%20%26%20sky&movement=&sort=year&style=older"),
  });
  assert.equal(String(query), "photos=1&photos=2&style=wave&strength=80&size=a4&q=sea+%26+sky&sort=year");
});

test("a sample is named, even one without photos", () => {
  const query = studioQuery({ photos: [], sample: "coffee", controls: [], print: [], current: new URLSearchParams() });
  assert.equal(String(query), "sample=coffee");
});

test("another page of the strip keeps the choice, and masks only with their photo", () => {
  assert.equal(String(stripPageQuery(CHOSEN, "7")), "photos=1&photos=2&style=wave&mask=m&style_mask=s&older=7");
  assert.equal(String(stripPageQuery(CHOSEN, null)), "photos=1&photos=2&style=wave&mask=m&style_mask=s");
  const withoutPhoto = new URLSearchParams("style=wave&mask=m&style_mask=s");
  assert.equal(String(stripPageQuery(withoutPhoto, null)), "style=wave");
  const withSample = new URLSearchParams("sample=coffee&mask=m");
  assert.equal(String(stripPageQuery(withSample, "7")), "sample=coffee&mask=m&older=7");
});

test("a sample replaces photos and masks", () => {
  assert.equal(String(sampleQuery(CHOSEN, "coffee")), "style=wave&older=9&sample=coffee");
});

test("other photos replace photos, sample and masks", () => {
  const chosen = new URLSearchParams("photos=1&sample=coffee&style=wave&mask=m&style_mask=s");
  assert.equal(String(photosQuery(chosen, new Set(["3", "4"]))), "photos=3&photos=4&style=wave");
});

test("no query changes the one it is made from", () => {
  const before = String(CHOSEN);
  for (const make of [stripPageQuery, sampleQuery, photosQuery]) make(CHOSEN, "7");
  assert.equal(String(CHOSEN), before);
});

test("the wall's address leaves out filters with their usual value", () => {
  const address = new URL("https://example.com/studio?style=wave&sort=year&q=old");
  const filters = [
    { name: "q", value: "", usual: "" },
    { name: "movement", value: "Ukiyo-e", usual: "" },
    { name: "sort", value: "best", usual: "best" },
  ];
  assert.equal(String(wallAddress(address, filters)), "https://example.com/studio?style=wave&movement=Ukiyo-e");
});
