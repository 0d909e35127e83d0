// The picture over the whole screen; a click on it shows its own pixels. Without scripts the link opens the file.

import { words } from "./words.js";

/** Fill the screen with the picture that a link leads to. */
async function open(link) {
  const dialog = document.createElement("dialog");
  dialog.className = "viewer";
  dialog.setAttribute("aria-label", link.dataset.viewer);
  const image = document.createElement("img");
  image.src = link.href;
  image.alt = link.dataset.viewer;
  image.addEventListener("click", (event) => magnify(dialog, image, event));
  const close = document.createElement("button");
  close.type = "button";
  close.className = "viewer-close";
  close.textContent = words("close");
  close.addEventListener("click", () => dialog.close());
  dialog.append(close, image);
  document.body.append(dialog);

  // Where a browser will not (phones, mostly) the dialog fills the window.
  await document.documentElement.requestFullscreen?.().catch(() => {});
  dialog.showModal();
  const left = () => document.fullscreenElement || dialog.close();
  document.addEventListener("fullscreenchange", left);
  dialog.addEventListener("close", () => {
    document.removeEventListener("fullscreenchange", left);
    if (document.fullscreenElement) document.exitFullscreen();
    dialog.remove();
    link.focus();
  });
}

/** Between the whole picture and its own pixels, around the point that was clicked. */
function magnify(dialog, image, event) {
  const box = image.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  if (dialog.classList.toggle("viewer-pixels")) {
    dialog.scrollTo(x * image.offsetWidth - innerWidth / 2, y * image.offsetHeight - innerHeight / 2);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-viewer]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link);
});
