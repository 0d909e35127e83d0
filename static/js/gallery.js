// Counts the ticked pictures. The style sheet shows the bar itself, with or without scripts.
import { message } from "./messages.js";

const form = document.querySelector("[data-chosen]");
const count = form?.querySelector("[data-count]");

function update() {
  const ticked = document.querySelectorAll("input[name=picture]:checked").length;
  count.textContent = message("chosen", { num: ticked });
}

if (form) {
  count.setAttribute("role", "status");
  document.addEventListener("change", update);
  window.addEventListener("pageshow", update);
}
