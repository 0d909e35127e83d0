// Copies the link of a shared picture, and hands it to the device's own way of sharing where there is one.
import { words } from "./words.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      label.textContent = words("copied");
    } catch {
      label.textContent = words("copyByKeys"); // the browser keeps its clipboard to itself; the text is selected
    }
    setTimeout(() => (label.textContent = words("copy")), 3000);
  });
}

for (const button of document.querySelectorAll("[data-share]")) {
  button.hidden = !navigator.share;
  button.addEventListener("click", () => navigator.share({ url: button.dataset.share, title: document.title }).catch(() => {}));
}
