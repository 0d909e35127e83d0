// Shows a line when a background request of htmx fails, until the next answer arrives.
import { message } from "./messages.js";

const TIMEOUT = 20_000; // milliseconds for an answer
const PAUSE = 3_000; // milliseconds before a form's request is repeated; polled parts of a page repeat by themselves

const box = document.createElement("div");
box.className = "wrap connection";
box.setAttribute("role", "status");
let retry = 0; // the timer of a form's next try

if (document.querySelector("[hx-get], [hx-post]")) document.querySelector("main").prepend(box);

function say(sentence) {
  if (box.textContent === sentence) return;
  const line = document.createElement("p");
  line.className = "flash flash-error";
  line.textContent = sentence;
  box.replaceChildren(line);
}

function retryLater(element) {
  clearTimeout(retry);
  if (element.matches("form")) retry = setTimeout(() => element.dispatchEvent(new Event("change")), PAUSE);
}

function cutOff({ target }) {
  say(message("cutOff"));
  retryLater(target);
}

function refused({ target, detail }) {
  const { status } = detail.xhr;
  say(message("noAnswer"));
  if (status >= 500 || status === 429) retryLater(target);
  if (status === 404 && detail.requestConfig.verb === "get") reloadFor(detail.pathInfo.requestPath);
}

function answered() {
  clearTimeout(retry);
  box.replaceChildren();
}

/** Reload the page, because a part of it is gone. Only once per address: a second reload would not help. */
function reloadFor(address) {
  if (history.state?.gone === address) return;
  history.replaceState({ ...history.state, gone: address }, "");
  location.reload();
}

const on = (name, listener) => document.addEventListener(`htmx:${name}`, listener);

on("configRequest", (event) => (event.detail.timeout = TIMEOUT));
on("sendError", cutOff);
on("timeout", cutOff);
on("responseError", refused);
on("afterRequest", (event) => event.detail.successful && answered());
