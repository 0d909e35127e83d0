// Holds links and the form until the server has every mask. So nobody pays for a picture that lacks a stroke.
import { navigate } from "../page-address.js";

/** Follow a link only when every mask is saved: the address it carries names them. */
export function followWhenSaved(link, uploads) {
  let waiting = false;
  link.addEventListener("click", async (event) => {
    if (uploads.complete || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (waiting) return;
    waiting = true;
    const complete = await uploads.settle();
    waiting = false;
    if (complete) navigate(link.href);
  });
}

/** Submits a form only when every mask is saved. */
export class SubmitHold {
  #form;
  #uploads;
  #explain;
  #held = null; // the buttons that are off while the form is held

  /** `explain()` shows why the form was not sent. */
  constructor(form, uploads, explain) {
    this.#form = form;
    this.#uploads = uploads;
    this.#explain = explain;
    // This runs before the site's listener on the document. That listener ignores prevented submits.
    form.addEventListener("submit", (event) => {
      if (uploads.complete) return;
      event.preventDefault();
      if (!this.#held) this.#hold(event.submitter);
    });
    // If somebody changes something or leaves meanwhile, do not send the old order.
    document.addEventListener("change", () => this.#release());
    window.addEventListener("pagehide", () => this.#release());
  }

  async #hold(submitter) {
    const held = (this.#held = [...this.#form.querySelectorAll("button[type=submit]:enabled")]);
    for (const button of held) button.disabled = true;
    const complete = await this.#uploads.settle();
    if (this.#held !== held) return;
    this.#release();
    if (complete) {
      this.#form.requestSubmit(submitter); // after the release: a disabled button sends nothing
      return;
    }
    this.#explain();
    // Give the focus back: the disabled button has lost it.
    if (document.activeElement === document.body) submitter?.focus({ preventScroll: true });
  }

  #release() {
    for (const button of this.#held ?? []) button.disabled = false;
    this.#held = null;
  }
}
