import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { abortDelay, PreviewRequests } from "../../static/js/studio/preview-requests.js";

const WAVE = "/large?style=wave&strength=100";
const WEAK_WAVE = "/large?style=wave&strength=20";
const LION = "/large?style=lion&strength=100";

let server; // the requests that wait for an answer
let log;
let requests;

beforeEach(() => {
  server = [];
  log = [];
  mock.method(globalThis, "fetch", (address, { signal }) => {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      server.push({ address, resolve, reject });
    });
  });
});
afterEach(async () => {
  requests.request(null); // so that none is sent any more
  for (const { reject } of server) reject(new DOMException("", "AbortError"));
  await settled();
  mock.restoreAll();
});

function makeRequests({ canDraft = false } = {}) {
  requests = new PreviewRequests({
    tab: "T",
    canDraft: () => canDraft,
    show: async (address, blob) => log.push(`show ${address} ${await blob.text()}`),
    setBusy: (busy) => log.push(busy ? "busy" : "idle"),
    tellOffline: () => log.push("offline"),
    tellRefused: (sentence) => log.push(`refused ${sentence}`),
    delay: async (milliseconds) => log.push(`wait ${milliseconds}`),
    untilOnline: async (milliseconds) => log.push(`reconnect ${milliseconds}`),
  });
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

async function answer(body, options) {
  server.shift().resolve(new Response(body, options));
  await settled();
}

test("an answer is shown, and the same address is not asked for again", async () => {
  makeRequests();
  requests.request(WAVE);
  assert.equal(server[0].address, `${WAVE}&tab=T&asked=1`);
  await answer("wave");
  assert.deepEqual(log, ["busy", `show ${WAVE} wave`, "idle"]);
  requests.request(WAVE);
  assert.equal(server.length, 0);
});

test("no address asks for nothing", () => {
  makeRequests();
  requests.request(null);
  assert.equal(server.length, 0);
});

test("only the newest of the requests that wait is sent, with the next number", async () => {
  makeRequests();
  for (const strength of [100, 80, 60, 40]) requests.request(`/large?style=wave&strength=${strength}`);
  assert.equal(server.length, 1);
  await answer("100");
  assert.deepEqual(server.map(({ address }) => address), ["/large?style=wave&strength=40&tab=T&asked=2"]);
});

test("another painting aborts the request that runs", async () => {
  makeRequests();
  requests.request(WAVE);
  requests.request(LION);
  await settled();
  assert.equal(server.at(-1).address, `${LION}&tab=T&asked=2`);
  server.shift();
  await answer("lion");
  assert.deepEqual(log, ["busy", "busy", `show ${LION} lion`, "idle"]);
});

test("a draft comes before another painting, not before a change of the same", async () => {
  makeRequests({ canDraft: true });
  requests.request(WAVE);
  assert.equal(server[0].address, `${WAVE}&draft=1&tab=T&asked=1`);
  await answer("draft");
  assert.equal(server[0].address, `${WAVE}&tab=T&asked=2`);
  await answer("painting");
  requests.request(WEAK_WAVE);
  assert.equal(server[0].address, `${WEAK_WAVE}&tab=T&asked=3`);
  await answer("weak");
  assert.deepEqual(log.filter((line) => line.startsWith("show")), [
    `show ${WAVE}&draft=1 draft`,
    `show ${WAVE} painting`,
    `show ${WEAK_WAVE} weak`,
  ]);
});

test("a superseded or busy answer is followed by another request", async () => {
  makeRequests();
  requests.request(WAVE);
  await answer("", { status: 409 });
  await answer("", { status: 503 });
  await answer("{}", { status: 429, headers: { "Retry-After": "7" } });
  await answer("wave");
  assert.deepEqual(log.filter((line) => line !== "busy"), ["wait 500", "refused undefined", "wait 7000", `show ${WAVE} wave`, "idle"]);
});

test("a refusal is told and ends the requests until something else is wanted", async () => {
  makeRequests();
  requests.request(WAVE);
  await answer('{"error": "No such style."}', { status: 404 });
  assert.deepEqual(log, ["busy", "refused No such style.", "idle"]);
  requests.request(LION);
  assert.equal(server[0].address, `${LION}&tab=T&asked=2`);
});

test("a refusal does not hold back what is wanted by then", async () => {
  makeRequests();
  requests.request(WAVE);
  requests.request(WEAK_WAVE);
  await answer("not JSON", { status: 500 });
  assert.equal(server[0].address, `${WEAK_WAVE}&tab=T&asked=2`);
});

test("without a connection it says so and asks again once it may be back", async () => {
  makeRequests();
  requests.request(WAVE);
  server.shift().reject(new TypeError("network"));
  await settled();
  await answer("wave");
  assert.deepEqual(log, ["busy", "offline", "reconnect 2000", "busy", `show ${WAVE} wave`, "idle"]);
});

test("a request goes on when the same is asked again, or a quick change comes soon", () => {
  const running = { wanted: WAVE, address: WAVE, draft: false, since: 1000 };
  assert.equal(abortDelay(running, WAVE, 9000), null);
  assert.equal(abortDelay(running, WEAK_WAVE, 2500), null);
  assert.equal(abortDelay(running, WEAK_WAVE, 2501), 0);
});

test("a draft of another painting has a little time left", () => {
  const running = { wanted: WAVE, address: `${WAVE}&draft=1`, draft: true, since: 1000 };
  assert.equal(abortDelay(running, LION, 1001), 400);
  assert.equal(abortDelay({ ...running, draft: false }, LION, 1001), 0);
});
