// Loads the previews on the wall: a few at a time, each until the server answers.
import { delay, untilOnline } from "./delays.js";

// More at a time gain nothing: the server paints one after the other, and its other threads are for pages.
const AT_ONCE = 3;
const TRIES = 8;
const TIMEOUT = 60_000; // milliseconds for one answer
const WORTH_A_RETRY = [429, 500, 502, 503];

/** Take every item, `AT_ONCE` at a time, in order. */
export async function forEachFew(items, action) {
  const waiting = [...items];
  const work = async () => {
    while (waiting.length) await action(waiting.shift());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** A preview as { suits, picture }, or null when it cannot be had. A busy server says when to ask again. */
export async function loadPreview(address, pauses = { delay, untilOnline }) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT) });
      // Read the picture within the try: the connection may break while it loads, too.
      if (answer.ok) return { suits: answer.headers.get("X-Suits"), picture: await answer.blob() };
      if (!WORTH_A_RETRY.includes(answer.status)) return null;
      await pauses.delay(1000 * Math.max(Number(answer.headers.get("Retry-After")) || 0, 2 ** attempt / 2));
    } catch {
      await pauses.untilOnline(1000 * 2 ** attempt);
    }
  }
  return null;
}
