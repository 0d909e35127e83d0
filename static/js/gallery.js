// Says how many pictures are ticked. The bar itself appears by the style sheet, scripts or not.
import { words } from "./words.js";

const form = document.querySelector("[data-chosen]");
const count = form?.querySelector("[data-count]");

function update() {
  const ticked = document.querySelectorAll("input[name=picture]:checked").length;
  count.textContent = words("chosen", { num: ticked });
}

if (form) {
  count.setAttribute("role", "status");
  document.addEventListener("change", update);
  window.addEventListener("pageshow", update);
}
