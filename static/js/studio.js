// The studio: a photo, the wall of styles, the easel with its controls, the mask editor, the price.
// Every part builds on what the server rendered. Without scripts the forms work alone.
import { message } from "./messages.js";
import { openPhotos, syncAddress } from "./studio/address-sync.js";
import { updateControlLabels } from "./studio/control-labels.js";
import { controlParams, FIELDS, isSlow, previewAddress } from "./studio/controls.js";
import { Easel } from "./studio/easel.js";
import { MaskEditor } from "./studio/masks/mask-editor.js";
import { startPayBar } from "./studio/pay-bar.js";
import { PreviewRequests } from "./studio/preview-requests.js";
import { restoreScroll, saveScroll } from "./studio/scroll-position.js";
import { tickedPhotos } from "./studio/ticked-photos.js";
import { Wall } from "./studio/wall.js";

const form = document.querySelector("[data-paint]");

for (const element of document.querySelectorAll("[data-plain-find], [data-plain-preview]")) element.hidden = true;

// The address holds the choice. Browsers restore forms by position, but the wall's order may have changed.
form.autocomplete = "off";

const easel = new Easel(document.querySelector("[data-easel]"));
const previews = new PreviewRequests({
  tab: crypto.randomUUID?.() ?? String(Math.random()).slice(2),
  canDraft: () => Math.max(easel.size.width, easel.size.height) > easel.draftSide && !isSlow(navigator.connection),
  show: (address, blob) => easel.show(address, blob, styleTitle),
  setBusy: (busy) => easel.setBusy(busy),
  tellOffline: () => easel.say(message("offline")),
  tellRefused: (sentence) => easel.say(sentence ?? message("noPreview")),
});
const maskEditor = new MaskEditor(form, easel, update);

/** Update everything after a change of the controls. The preview goes first: nothing may delay it. */
function update() {
  const side = isSlow(navigator.connection) ? easel.draftSide : easel.largeSide;
  previews.request(previewAddress(easel.previews, controlParams(new FormData(form)), side));
  updateControlLabels(form);
  syncAddress(form);
  maskEditor.controlsChanged();
}

function styleTitle() {
  const tile = form.querySelector("input[name=style]:checked")?.closest("[data-tile]");
  return tile?.dataset.title ?? "";
}

for (const name of ["input", "change"]) {
  form.addEventListener(name, (event) => {
    if (FIELDS.includes(event.target.name)) update();
  });
}
window.addEventListener("pageshow", update); // the browser may restore other values after the back button
update();

new Wall(document.querySelector("[data-wall]")).load();
startPayBar(form);

/**
 * Ticking a photo puts it onto the easel. The photo there stays while it is ticked itself, and while photos are being
 * uploaded: leaving the page would lose them. They come with what is ticked.
 */
for (const box of document.querySelectorAll("input[name=photos]")) {
  box.addEventListener("change", () => {
    const ticked = tickedPhotos();
    const uploading = document.querySelector("[data-upload][data-sending]");
    if (!ticked.length || ticked.includes(easel.photo) || uploading) return syncAddress(form);
    saveScroll(box);
    openPhotos(form, ticked);
  });
}
restoreScroll();
