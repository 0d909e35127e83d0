// The large preview follows the controls. One question is on its way at a time; only the newest one waits behind
// it, and one that needs another painting puts an end to it. Where another painting is needed, a draft of it is
// shown first. Answers carry the number of their question, and an older one never takes the place of a newer one.
import { words } from "../words.js";
import { here, leaveFor, rewrite } from "./address.js";
import { reconnected, wait } from "./waiting.js";

// Whatever is asked, the server remembers the painting at full strength; these only change what is done with it.
const QUICK = new Set(["strength", "keep_colors", "protect_faces", "mask", "draft"]);
const FIELDS = ["style", "second_style", "mix", "strength", "keep_colors", "brush", "protect_faces", "mask", "style_mask"];
// A question whose answer takes this long is given up for a newer one, in milliseconds; a draft that is of
// another painting than the newer one, this much later.
const PATIENCE = 1500;
const DRAFT_PATIENCE = 400;
const STALLED = 60_000; // an answer that has not come by then never will

export function startStage(form, root) {
  const picture = root.querySelector("[data-picture]");
  const status = root.querySelector("[data-status]");
  const busy = root.querySelector("[data-busy]");
  const compare = root.querySelector("[data-compare]");
  const mix = form.querySelector("[data-mix]");
  const doors = document.querySelectorAll("[data-sign-up]"); // to an account, new or old
  // The long sides that previews are painted at, in pixels; drafts, and all for a slow connection, at the second.
  const [LARGE, SMALL] = root.dataset.sides.split(" ").map(Number);
  const tab = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  const changed = new EventTarget();
  let painted = null; // the newest answer: { address, source, width, number }
  let wanted = null;
  let running = null;
  let number = 0;
  let comparing = false;
  // Whatever its pixels, a picture takes the same place: the photo's, which stands in the page.
  picture.sizes = `${picture.getAttribute("width")}px`;

  // --- what is asked ----------------------------------------------------------------------------

  function fields() {
    const sent = new FormData(form);
    const said = new URLSearchParams();
    for (const name of FIELDS) {
      const value = sent.get(name);
      if (value && !(name === "mix" && !sent.get("second_style"))) said.set(name, value);
    }
    return said;
  }

  function address() {
    const said = fields();
    if (!said.has("style")) return null;
    said.set("side", slow() ? SMALL : LARGE);
    return `${root.dataset.large}?${said}`;
  }

  function slow() {
    const connection = navigator.connection;
    return Boolean(connection?.saveData || /2g|3g/.test(connection?.effectiveType ?? ""));
  }

  /** Whether a draft comes before the answer: where another painting is needed, and a draft is quicker. */
  function drafted() {
    const large = Math.max(picture.getAttribute("width"), picture.getAttribute("height")) > SMALL;
    return large && !slow() && (!painted || painting(painted.address) !== painting(wanted));
  }

  /** What the painting at full strength depends on. */
  function painting(address) {
    const [path, query] = address.split("?");
    return path + [...new URLSearchParams(query)].filter(([name]) => !QUICK.has(name)).join("&");
  }

  // --- asking and showing -----------------------------------------------------------------------

  function ask() {
    wanted = address(); // before anything else, so that nothing stands between a control and the picture
    describe();
    remember();
    if (!wanted) return;
    if (running) {
      if (running.wanted === wanted) return; // a slider that is let go says the same again
      const other = painting(running.address) !== painting(wanted);
      // A draft is nearly there, and somebody who moves a slider wants to see what passes by.
      if (other && running.draft) setTimeout(running.abort, DRAFT_PATIENCE);
      else if (other || performance.now() - running.since > PATIENCE) running.abort();
      return;
    }
    work();
  }

  async function work() {
    while (wanted && wanted !== painted?.address) {
      const controller = new AbortController();
      const stalled = setTimeout(() => controller.abort(new DOMException("", "TimeoutError")), STALLED);
      const mine = (number += 1);
      const draft = drafted();
      const question = draft ? `${wanted}&draft=1` : wanted;
      running = { wanted, address: question, draft, since: performance.now(), abort: () => controller.abort() };
      busy.hidden = false;
      try {
        const answer = await fetch(`${question}&tab=${tab}&asked=${mine}`, {
          signal: controller.signal,
          headers: { Accept: "application/json" },
        });
        if (answer.ok) await show(question, mine, await answer.blob());
        else if (!(await again(answer)) && question.startsWith(wanted)) break;
      } catch (error) {
        if (error.name !== "AbortError") {
          say(words("offline"));
          await reconnected(2000);
        }
      } finally {
        clearTimeout(stalled);
      }
    }
    running = null;
    busy.hidden = true;
  }

  /** Whether asking again makes sense; if not, the person is told why. */
  async function again(answer) {
    if (answer.status === 409) return true; // superseded: the newer question is the next
    if (answer.status === 503) {
      await wait(500);
      return true;
    }
    const said = await answer.json().catch(() => null);
    say(said?.error ?? words("noPreview"));
    if (answer.status !== 429) return false;
    await wait(1000 * (Number(answer.headers.get("Retry-After")) || 5));
    return true;
  }

  async function show(question, mine, blob) {
    if (mine < (painted?.number ?? 0)) return;
    const source = URL.createObjectURL(blob);
    const next = new Image();
    next.src = source;
    await next.decode();
    if (painted) URL.revokeObjectURL(painted.source);
    const alt = words("painted", { name: root.dataset.name, painting: styleTitle() });
    painted = { address: question, source, width: next.naturalWidth, number: mine, alt };
    hang();
    root.dataset.shown = question;
    root.dataset.asked = String(mine);
    say("");
  }

  /** The painting, or the photo under it. */
  function hang() {
    const hung = painted && !comparing;
    if (hung) picture.srcset = `${painted.source} ${painted.width}w`;
    else picture.removeAttribute("srcset");
    picture.alt = hung ? painted.alt : root.dataset.name;
  }

  function say(sentence) {
    if (status.textContent !== sentence) status.textContent = sentence;
  }

  function styleTitle() {
    const tile = form.querySelector("input[name=style]:checked")?.closest("[data-tile]");
    return tile?.dataset.title ?? "";
  }

  // --- what stands beside the sliders, and in the address ---------------------------------------

  function describe() {
    const percent = (value) => (value / 100).toLocaleString(document.documentElement.lang, { style: "percent" });
    for (const output of form.querySelectorAll("output[data-percent]")) output.value = percent(form.elements[output.htmlFor.value].value);
    const brush = Number(form.elements.brush.value);
    const times = (value) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2 });
    form.querySelector("output[data-brush]").value = brush === 1 ? words("natural") : words(brush > 1 ? "broader" : "finer", { times: times(Math.max(brush, 1 / brush)) });
    mix.hidden = !form.elements.second_style.value || Boolean(form.elements.style_mask.value);
    changed.dispatchEvent(new Event("change"));
  }

  /** The page's address says what is chosen, so that reloading, going back and signing up lose nothing. */
  function remember() {
    const query = new URLSearchParams();
    for (const box of document.querySelectorAll("input[name=photos]:checked")) query.append("photos", box.value);
    if (form.elements.sample) query.set("sample", form.elements.sample.value);
    for (const [name, value] of fields()) query.set(name, value);
    for (const field of form.querySelectorAll("[data-print]")) query.set(field.name, field.value);
    for (const name of ["q", "movement", "sort", "older"]) {
      const value = here().searchParams.get(name);
      if (value) query.set(name, value);
    }
    const now = `${location.pathname}?${query}`;
    rewrite(now);
    for (const link of document.querySelectorAll("[data-leaf]")) leadOn(link, query);
    for (const link of document.querySelectorAll("[data-sample]")) leadToSample(link, query);
    for (const door of doors) door.href = `${door.dataset.signUp}?${new URLSearchParams({ next: now })}`;
    for (const field of document.querySelectorAll("input[name=next]")) field.value = now;
  }

  /** A link to another part of the photo strip takes along what is chosen by now. */
  function leadOn(link, chosen) {
    const query = new URLSearchParams(chosen);
    const older = new URL(link.href).searchParams.get("older");
    if (older) query.set("older", older);
    else query.delete("older");
    // Masks were painted over the photo on the easel: where none is chosen, that is another one there.
    if (!query.has("photos") && !query.has("sample")) for (const name of ["mask", "style_mask"]) query.delete(name);
    link.href = `${location.pathname}?${query}`;
  }

  /** So does one to a sample; masks were painted over another photo. */
  function leadToSample(link, chosen) {
    const query = new URLSearchParams(chosen);
    for (const name of ["photos", "mask", "style_mask"]) query.delete(name);
    query.set("sample", link.dataset.sample);
    link.href = `${location.pathname}?${query}`;
  }

  compare.hidden = false;
  compare.addEventListener("click", () => {
    comparing = !comparing;
    compare.setAttribute("aria-pressed", String(comparing));
    hang();
  });

  for (const name of ["input", "change"]) {
    form.addEventListener(name, (event) => {
      if (FIELDS.includes(event.target.name)) ask();
    });
  }
  ask();
  window.addEventListener("pageshow", ask); // coming back, the browser may have filled in something else

  return {
    ask,
    remember,
    changed,
    picture,
    /** The id of the photo on the easel, if it is one of the person's own. */
    photo: () => root.dataset.large.match(/\/photos\/([^/]+)\//)?.[1],
    masks: root.dataset.masks,
    say,
    /** Put another photo on the easel: masks belong to the one before. */
    goTo(photos) {
      form.elements.mask.value = "";
      form.elements.style_mask.value = "";
      form.elements.sample?.remove();
      remember();
      const there = here();
      there.searchParams.delete("photos");
      for (const photo of photos) there.searchParams.append("photos", photo);
      leaveFor(there);
    },
  };
}
