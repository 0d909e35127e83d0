// What every page needs: small comforts on top of pages that work without them.
import "./before-after.js";
import "./connection.js";
import { words } from "./words.js";

/** Buttons that show and hide a password. */
for (const button of document.querySelectorAll("[data-toggles]")) {
  const input = document.getElementById(button.dataset.toggles);
  button.hidden = false;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.textContent = words(show ? "hide" : "show");
  });
}

/** Ask before forms that cannot be undone. */
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

/** A second click on a button that is already sending would only confuse, or pay twice. */
const sending = new Set();
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || "stays" in event.target.dataset) return; // a download leaves the page where it is
  for (const button of event.target.querySelectorAll("button[type=submit]:enabled")) {
    sending.add(button);
    // After the browser has read the form: a disabled button's value would not be sent.
    setTimeout(() => (button.disabled = true));
  }
});

/** Coming back by the back button, a page from the browser's cache still has its buttons off. */
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of sending) button.disabled = false;
  sending.clear();
});

/** The server has the browser drop the pages that it keeps of an account, but for the one from which somebody logs out. */
for (const form of document.querySelectorAll("form[data-leaves]")) {
  form.addEventListener("submit", () => {
    window.addEventListener("pagehide", () => (document.body.hidden = true));
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  });
}

/** Menus close with Escape and with a click elsewhere. */
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

/** What keeps a page to show without a connection; it can wait until everything else is there. */
addEventListener("load", () => navigator.serviceWorker?.register(new URL("../../service-worker.js", import.meta.url)).catch(() => {}));
