// A form marked data-once is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[data-once]")) {
  const buttons = form.querySelectorAll("button");
  form.addEventListener("submit", () => {
    // After the browser has read the form: a disabled button's value would not be sent.
    setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
  });
  // The browser may show this very page again when the person comes back.
  addEventListener("pageshow", () => buttons.forEach((button) => { button.disabled = false; }));
}
