// Copies the link of a shared picture, and opens the device's own share dialog where it has one.
import { message } from "./messages.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      label.textContent = message("copied");
    } catch {
      label.textContent = message("copyByKeys"); // the browser denies the clipboard; the link is selected, ready for Ctrl+C
    }
    setTimeout(() => (label.textContent = message("copy")), 3000);
  });
}

for (const button of document.querySelectorAll("[data-share]")) {
  button.hidden = !navigator.share;
  button.addEventListener("click", () => navigator.share({ url: button.dataset.share, title: document.title }).catch(() => {}));
}
