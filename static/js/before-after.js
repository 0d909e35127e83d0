// <before-after>: two figures on top of each other, and a slider for the border between them. Without scripts they
// stand side by side. The slider is a range input, so keyboards and screen readers work.

import { message } from "./messages.js";

const ARROWS = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m9 7-5 5 5 5M15 7l5 5-5 5"/></svg>';

class BeforeAfter extends HTMLElement {
  connectedCallback() {
    if (this.hasAttribute("ready")) return;
    const handle = document.createElement("span");
    handle.className = "handle";
    handle.innerHTML = ARROWS;
    const slider = document.createElement("input");
    slider.type = "range";
    slider.value = "50";
    slider.setAttribute("aria-label", message("split"));
    slider.addEventListener("input", () => this.style.setProperty("--split", `${slider.value}%`));
    this.append(handle, slider);
    this.setAttribute("ready", "");
  }
}

customElements.define("before-after", BeforeAfter);
