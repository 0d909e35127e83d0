// What was painted by hand on its way to the server, and its id on the way into the form. Whatever the form does not
// have yet is late: still being sent, or failed.
import { words } from "../words.js";
import { leaveFor } from "./address.js";

const PATIENCE = 30_000; // an answer that has not come by then, in milliseconds, never will

export function startKeeping(form, stage) {
  const late = new Map(); // the kind of a mask: { surface, upload, failed }

  /** Send a mask; only the newest one of its kind counts. */
  function keep(kind, surface) {
    const mask = { surface, failed: false };
    late.set(kind, mask);
    mask.upload = send(kind, mask);
  }

  async function send(kind, mask) {
    try {
      const answer = await fetch(stage.masks, {
        method: "POST",
        body: await written(mask),
        headers: { Accept: "application/json", "X-CSRFToken": form.elements.csrf_token.value },
        signal: AbortSignal.timeout(PATIENCE),
      });
      const said = await answer.json();
      if (late.get(kind) !== mask) return;
      if (answer.ok) take(kind, said.id);
      else fail(mask, said.error ?? words("maskNotKept"));
    } catch {
      if (late.get(kind) === mask) fail(mask, words("maskOffline"));
    }
  }

  async function written(mask) {
    const blob = await new Promise((resolve) => mask.surface.toBlob(resolve, "image/png"));
    const data = new FormData();
    data.append("csrf_token", form.elements.csrf_token.value);
    data.append("mask", blob, "mask.png");
    return data;
  }

  function fail(mask, sentence) {
    mask.failed = true;
    stage.say(sentence);
  }

  /** Put an id into the form, or none; what is still on its way counts no more. */
  function take(kind, id) {
    late.delete(kind);
    form.elements[kind].value = id;
    stage.ask();
  }

  /** The late masks that a picture would lack; where there is no second style, its mask is none of them. */
  const missing = () => [...late].filter(([kind]) => kind === "mask" || form.elements.second_style.value);

  /** Wait until nothing is on its way any more; what failed is tried once again. Whether the form has it all. */
  async function settle() {
    for (const [kind, mask] of missing()) if (mask.failed) keep(kind, mask.surface);
    const sending = () => missing().filter(([, mask]) => !mask.failed);
    // One after the other, looking anew each time: there may be another stroke by then.
    while (sending().length) await sending()[0][1].upload;
    return !missing().length;
  }

  return { keep, take, settle, complete: () => !missing().length };
}

/** Let a link lead on only when every mask is kept: the address that it takes along names them. */
export function followWhenKept(link, keeping) {
  let following = false;
  link.addEventListener("click", async (event) => {
    if (keeping.complete() || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (following) return;
    following = true;
    const complete = await keeping.settle();
    following = false;
    if (complete) leaveFor(link.href);
  });
}

/** Hold what is sent by the form until it has every mask, so that nothing is paid for that lacks a stroke. */
export function holdUntilKept(form, keeping) {
  let letGo = null; // while it is held: gives the buttons back

  // It comes before the site's own, which leaves alone what is not sent now.
  form.addEventListener("submit", (event) => {
    if (keeping.complete()) return;
    event.preventDefault();
    if (!letGo) hold(event.submitter);
  });

  async function hold(submitter) {
    const mine = (letGo = turnOff([...form.querySelectorAll("button[type=submit]:enabled")]));
    const complete = await keeping.settle();
    if (letGo !== mine) return;
    release();
    if (complete) form.requestSubmit(submitter); // with the buttons on: one that is off sends nothing
    else explain(submitter);
  }

  function turnOff(buttons) {
    for (const button of buttons) button.disabled = true;
    return () => buttons.forEach((button) => (button.disabled = false));
  }

  function release() {
    letGo?.();
    letGo = null;
  }

  /** Why it was not sent stands at the easel, which may be out of sight; a button that was off has lost the focus. */
  function explain(submitter) {
    form.querySelector("[data-status]").scrollIntoView({ block: "nearest" });
    if (document.activeElement === document.body) submitter?.focus({ preventScroll: true });
  }

  // Whoever chooses something else meanwhile, or leaves, has not asked for what would be sent then.
  document.addEventListener("change", release);
  window.addEventListener("pagehide", release);
}
