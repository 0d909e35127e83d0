import assert from "node:assert/strict";
import { test } from "node:test";

import { formatMessage } from "../../static/js/message-format.js";

const english = new Intl.PluralRules("en");
const pictures = { one: "{num} picture", other: "{num} pictures" };

test("values take the place of their names", () => {
  const text = formatMessage("{name}, painted after {painting}", { name: "Ada", painting: "The Scream" }, english);
  assert.equal(text, "Ada, painted after The Scream");
});

test("a placeholder without a value stays", () => {
  assert.equal(formatMessage("{found} of {all}", { found: 0 }, english), "0 of {all}");
});

test("the number chooses the form by the language's rules", () => {
  assert.equal(formatMessage(pictures, { num: 1 }, english), "1 picture");
  assert.equal(formatMessage(pictures, { num: 0 }, english), "0 pictures");
  assert.equal(formatMessage(pictures, { num: 0 }, new Intl.PluralRules("fr")), "0 picture");
});

test("a form that the message lacks is replaced by the general one", () => {
  assert.equal(formatMessage(pictures, { num: 2 }, new Intl.PluralRules("ar")), "2 pictures");
});
