// The bar at the bottom: the button shows the price, the note beside it what is still missing.
import { message } from "../messages.js";
import { priceOf } from "./price.js";
import { tickedPhotos } from "./ticked-photos.js";

const NOTES = { ownPhoto: "addPhoto", photo: "choosePhoto", style: "chooseStyle" };

export function startPayBar(form) {
  const button = form.querySelector("[data-pay]");
  if (!button) return; // a visitor signs up first
  const note = form.querySelector("[data-pay-note]");
  const usual = note.textContent;
  const update = () => {
    const photos = tickedPhotos().length;
    const { price, payable, missing } = currentPrice(form, photos);
    // The form carries the price on the button: the server charges no other.
    form.elements.credits.value = price;
    form.elements.credits.disabled = !photos;
    button.querySelector("span").textContent = buttonLabel(photos, price);
    button.toggleAttribute("disabled", !payable);
    const content = noteContent(form, missing, usual);
    if (note.textContent !== content.textContent) note.replaceChildren(content);
  };
  document.addEventListener("change", update);
  window.addEventListener("pageshow", update);
  update();
}

function currentPrice(form, photos) {
  return priceOf({
    photos,
    hasStyle: Boolean(form.querySelector("input[name=style]:checked")),
    sample: form.hasAttribute("data-sample"),
    cost: Number(form.dataset.cost),
    balance: Number(form.dataset.balance),
  });
}

function buttonLabel(photos, price) {
  if (!photos) return message("pay");
  return message("payFor", { pictures: message("pictures", { num: photos }), credits: message("credits", { num: price }) });
}

function noteContent(form, missing, usual) {
  if (missing !== "credits") return document.createTextNode(missing ? message(NOTES[missing]) : usual);
  const link = document.createElement("a");
  link.href = form.dataset.credits;
  link.textContent = message("getMore", { num: Number(form.dataset.balance) });
  return link;
}
