// The bar at the bottom says what painting costs, and the button what is still missing.

import { words } from "../words.js";

export function startPayBar(form) {
  const button = form.querySelector("[data-pay]");
  if (!button) return; // a visitor signs up first
  const note = form.querySelector("[data-pay-note]");
  const label = button.querySelector("span");
  const cost = Number(form.dataset.cost);
  const balance = Number(form.dataset.balance);
  const plain = note.textContent;

  const update = () => {
    const photos = document.querySelectorAll("input[name=photos]:checked").length;
    const style = form.querySelector("input[name=style]:checked");
    const price = photos * cost;
    // The price that the button shows goes with the form: no other is charged.
    form.elements.credits.value = price;
    form.elements.credits.disabled = !photos;
    label.textContent = photos ? words("payFor", { pictures: words("pictures", { num: photos }), credits: words("credits", { num: price }) }) : words("pay");
    button.toggleAttribute("disabled", !photos || !style || price > balance);
    const said = message(photos, style, price);
    if (note.textContent !== said.textContent) note.replaceChildren(said);
  };

  const message = (photos, style, price) => {
    if (!photos) {
      const sample = form.hasAttribute("data-sample");
      return document.createTextNode(words(sample ? "addPhoto" : "choosePhoto"));
    }
    if (price > balance) {
      const link = document.createElement("a");
      link.href = form.dataset.credits;
      link.textContent = words("getMore", { num: balance });
      return link;
    }
    if (!style) return document.createTextNode(words("chooseStyle"));
    return document.createTextNode(plain);
  };

  document.addEventListener("change", update);
  window.addEventListener("pageshow", update);
  update();
}
