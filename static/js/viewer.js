// Shows a picture over the whole screen; a click shows it pixel by pixel. Without scripts the link opens the file.

import { message } from "./messages.js";

/** Fill the screen with a link's picture. */
async function open(link) {
  const dialog = document.createElement("dialog");
  dialog.className = "viewer";
  dialog.setAttribute("aria-label", link.dataset.viewer);
  const image = document.createElement("img");
  image.src = link.href;
  image.alt = link.dataset.viewer;
  image.addEventListener("error", () => (image.alt = message("noAnswer")));
  const picture = document.createElement("button");
  picture.type = "button";
  picture.className = "viewer-picture";
  picture.setAttribute("aria-pressed", "false");
  picture.append(image);
  picture.addEventListener("click", (event) => magnify(dialog, picture, event));
  const close = document.createElement("button");
  close.type = "button";
  close.className = "viewer-close";
  close.textContent = message("close");
  close.addEventListener("click", () => dialog.close());
  dialog.append(close, picture);
  document.body.append(dialog);

  // Most phones refuse full screen: there the dialog fills the window.
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

/** Switch between the whole picture and its pixels, around the clicked point; by keyboard, around the middle. */
function magnify(dialog, picture, event) {
  const image = picture.firstChild;
  const box = image.getBoundingClientRect();
  const [x, y] = event.detail ? [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height] : [0.5, 0.5];
  const pixels = dialog.classList.toggle("viewer-pixels");
  picture.setAttribute("aria-pressed", String(pixels));
  if (pixels) {
    dialog.scrollTo(x * image.offsetWidth - innerWidth / 2, y * image.offsetHeight - innerHeight / 2);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-viewer]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link);
});
