// Small comforts on every page. Pages work without them.
import "./before-after.js";
import "./connection.js";
import { message } from "./messages.js";

/** Buttons that show and hide a password. */
for (const button of document.querySelectorAll("[data-toggles]")) {
  const input = document.getElementById(button.dataset.toggles);
  button.hidden = false;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.textContent = message(show ? "hide" : "show");
  });
}

/** Ask before submitting what cannot be undone. */
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

/** Disable buttons while a form is sent: a second click could pay twice. */
const sending = new Set();
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || "stays" in event.target.dataset) return; // a download leaves the page where it is
  for (const button of event.target.querySelectorAll("button[type=submit]:enabled")) {
    sending.add(button);
    // Only after the browser has read the form: it does not send a disabled button's value.
    setTimeout(() => (button.disabled = true));
  }
});

/** Enable the buttons of a page that the back button brings from the browser's cache. */
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of sending) button.disabled = false;
  sending.clear();
});

/**
 * Logging out makes the browser drop its cached pages of the account, except the page with the log-out form: that page
 * hides itself, and reloads when somebody comes back to it.
 */
for (const form of document.querySelectorAll("form[data-leaves]")) {
  form.addEventListener("submit", () => {
    window.addEventListener("pagehide", () => (document.body.hidden = true));
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  });
}

/** Close menus with Escape and with a click elsewhere. */
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/** The service worker keeps the offline page. It can wait until the page is loaded. */
addEventListener("load", () => navigator.serviceWorker?.register(new URL("../../service-worker.js", import.meta.url)).catch(() => {}));
