// The values beside the sliders.
import { message } from "../messages.js";
import { brushLabel } from "./controls.js";

const { lang } = document.documentElement;
const percent = (value) => (value / 100).toLocaleString(lang, { style: "percent" });
const decimal = (value) => value.toLocaleString(lang, { maximumFractionDigits: 2 });

/** Update the labels. The mix shows only if two styles share the whole picture. */
export function updateControlLabels(form) {
  const { elements } = form;
  for (const output of form.querySelectorAll("output[data-percent]")) output.value = percent(elements[output.htmlFor.value].value);
  const { name, times } = brushLabel(Number(elements.brush.value));
  form.querySelector("output[data-brush]").value = message(name, { times: decimal(times) });
  form.querySelector("[data-mix]").hidden = !elements.second_style.value || Boolean(elements.style_mask.value);
}
