// Fills in a test card at one click, and groups the digits of a card number by four.
const number = document.getElementById("number");

for (const button of document.querySelectorAll("[data-fill]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    number.value = button.dataset.fill;
    document.getElementById("expiry").value = "12 / 34";
    document.getElementById("cvc").value = "123";
    document.getElementById("name").value ||= "Ada Lovelace";
    number.focus();
  });
}

number?.addEventListener("input", () => {
  const atEnd = number.selectionStart === number.value.length;
  if (atEnd) number.value = number.value.replace(/\D/g, "").replace(/(\d{4})(?=\d)/g, "$1 ");
});
