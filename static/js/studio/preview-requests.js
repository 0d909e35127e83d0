// Requests for the large preview. One request runs at a time, and only the newest waits behind it. If a new painting is
// needed, a smaller draft of it comes first.
import { samePainting } from "./controls.js";
import { delay, untilOnline } from "./delays.js";

// Milliseconds before a running request is aborted for a newer one.
const PATIENCE = 1500;
// The same for a draft of another painting: it is nearly done, and shows where a moving slider passes.
const DRAFT_PATIENCE = 400;
// Milliseconds before a request without an answer is given up.
const TIMEOUT = 60_000;

/** The milliseconds until a running request is aborted for a newer one; null for never. */
export function abortDelay(running, wanted, now) {
  if (running.wanted === wanted) return null; // releasing a slider asks again for the same
  const other = !samePainting(running.address, wanted);
  if (other && running.draft) return DRAFT_PATIENCE;
  return other || now - running.since > PATIENCE ? 0 : null;
}

export class PreviewRequests {
  #options;
  #wanted = null; // the newest address, without "draft"
  #running = null; // the request that runs: { wanted, address, number, draft, since, controller, timer }
  #shown = null; // the address whose answer is shown
  #number = 0;

  /**
   * `tab` names this tab to the server, which skips requests older than the tab's newest.
   * `canDraft()` tells whether drafts are worth it. `show(address, blob)` shows an answer, `setBusy(on)` that one
   * is awaited; `tellOffline()` and `tellRefused(sentence)` say why there is none.
   */
  constructor(options) {
    this.#options = { delay, untilOnline, ...options };
  }

  /** Ask for the preview at an address; null asks for none. */
  request(address) {
    this.#wanted = address;
    if (!address) return;
    if (!this.#running) {
      this.#run();
      return;
    }
    const { controller } = this.#running;
    const pause = abortDelay(this.#running, address, performance.now());
    if (pause === 0) controller.abort();
    else if (pause) setTimeout(() => controller.abort(), pause);
  }

  async #run() {
    const { setBusy, tellOffline, untilOnline } = this.#options;
    while (this.#wanted && this.#wanted !== this.#shown) {
      const running = (this.#running = this.#next());
      setBusy(true);
      try {
        const goOn = await this.#send(running);
        if (!goOn && running.address.startsWith(this.#wanted)) break;
      } catch (error) {
        if (error.name !== "AbortError") {
          tellOffline();
          await untilOnline(2000);
        }
      } finally {
        clearTimeout(running.timer);
      }
    }
    this.#running = null;
    setBusy(false);
  }

  #next() {
    const wanted = this.#wanted;
    const other = !this.#shown || !samePainting(this.#shown, wanted);
    const draft = other && this.#options.canDraft();
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new DOMException("", "TimeoutError")), TIMEOUT);
    this.#number += 1;
    return { wanted, address: draft ? `${wanted}&draft=1` : wanted, number: this.#number, draft, since: performance.now(), controller, timer };
  }

  /** Send one request; returns whether to send the next. */
  async #send({ address, number, controller }) {
    const answer = await fetch(`${address}&tab=${this.#options.tab}&asked=${number}`, {
      signal: controller.signal,
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) return this.#canRetry(answer);
    await this.#options.show(address, await answer.blob());
    this.#shown = address;
    return true;
  }

  /** Wait if needed, then return whether to try again. If not, show the reason. */
  async #canRetry(answer) {
    const { delay, tellRefused } = this.#options;
    if (answer.status === 409) return true; // superseded: the newer request is next
    if (answer.status === 503) {
      await delay(500);
      return true;
    }
    const body = await answer.json().catch(() => null);
    tellRefused(body?.error);
    if (answer.status !== 429) return false;
    await delay(1000 * (Number(answer.headers.get("Retry-After")) || 5));
    return true;
  }
}
