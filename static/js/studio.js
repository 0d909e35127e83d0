// The bar at the bottom says what painting costs, and the button what is still missing.

const form = document.querySelector("[data-paint]");
const note = form.querySelector("[data-pay-note]");
const label = form.querySelector("[data-pay] span");
const button = form.querySelector("[data-pay]");
const output = form.querySelector("[data-strength]");
const cost = Number(form.dataset.cost);
const balance = Number(form.dataset.balance);
const plain = note.textContent;

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

function update() {
  const photos = document.querySelectorAll("input[name=photos]:checked").length;
  const style = form.querySelector("input[name=style]:checked");
  const price = photos * cost;
  output.hidden = false;
  output.value = `${form.elements.strength.value} %`;
  label.textContent = photos ? `Paint ${count(photos, "picture")} · ${count(price, "credit")}` : "Paint";
  button.toggleAttribute("disabled", !photos || !style || price > balance);
  note.replaceChildren(message(photos, style, price));
}

function message(photos, style, price) {
  if (!photos) return document.createTextNode("First choose a photo above.");
  if (price > balance) {
    const link = document.createElement("a");
    link.href = form.dataset.credits;
    link.textContent = `You have ${count(balance, "credit")}: get more`;
    return link;
  }
  if (!style) return document.createTextNode("Now choose a painting.");
  return document.createTextNode(plain);
}

document.addEventListener("change", update);
form.elements.strength.addEventListener("input", update);
window.addEventListener("pageshow", update);
update();
