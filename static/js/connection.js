// What a page asks for by itself (by htmx) may not come. Then one line says so, and goes when the next answer is there.
import { words } from "./words.js";

const PATIENCE = 20_000; // a question that is not answered by then, in milliseconds, will not be
const PAUSE = 3_000; // before a form asks again; what is waited for asks in its own time

const box = document.createElement("div");
box.className = "wrap connection";
box.setAttribute("role", "status");
let again = 0;

if (document.querySelector("[hx-get], [hx-post]")) document.querySelector("main").prepend(box);

function say(sentence) {
  if (box.textContent === sentence) return;
  const line = document.createElement("p");
  line.className = "flash flash-error";
  line.textContent = sentence;
  box.replaceChildren(line);
}

function askAgain(asking) {
  clearTimeout(again);
  if (asking.matches("form")) again = setTimeout(() => asking.dispatchEvent(new Event("change")), PAUSE);
}

function cutOff({ target }) {
  say(words("cutOff"));
  askAgain(target);
}

function refused({ target, detail }) {
  const { status } = detail.xhr;
  say(words("noAnswer"));
  if (status >= 500 || status === 429) askAgain(target);
  if (status === 404 && detail.requestConfig.verb === "get") reloadFor(detail.pathInfo.requestPath);
}

function answered() {
  clearTimeout(again);
  box.replaceChildren();
}

/** Load the page anew because something on it is gone. Only once: if that does not help, it never will. */
function reloadFor(address) {
  if (history.state?.gone === address) return;
  history.replaceState({ ...history.state, gone: address }, "");
  location.reload();
}

const on = (name, listener) => document.addEventListener(`htmx:${name}`, listener);

on("configRequest", (event) => (event.detail.timeout = PATIENCE));
on("sendError", cutOff);
on("timeout", cutOff);
on("responseError", refused);
on("afterRequest", (event) => event.detail.successful && answered());
