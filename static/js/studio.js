// The studio: a photo, the wall of styles, the large preview with its controls, masks painted by hand, the price.
// Every part works on what the server drew; without scripts the forms alone do.
import { startByHand } from "./studio/by-hand.js";
import { keepPlace, returnToPlace } from "./studio/place.js";
import { startPayBar } from "./studio/pay-bar.js";
import { startStage } from "./studio/stage.js";
import { startWall } from "./studio/wall.js";

const form = document.querySelector("[data-paint]");

for (const element of document.querySelectorAll("[data-plain-find], [data-plain-preview]")) element.hidden = true;

// The address says what is chosen. What the browser fills in when somebody comes back goes by the order of the styles,
// which is another one by then.
form.autocomplete = "off";

const stage = startStage(form, document.querySelector("[data-stage]"));
startWall(document.querySelector("[data-wall]"));
startByHand(form, stage);
startPayBar(form);

/**
 * Ticking a photo puts it on the easel; the one that is there stays when others are ticked beside it, and while photos
 * are on their way, which leaving would lose: they come with what is ticked.
 */
for (const box of document.querySelectorAll("input[name=photos]")) {
  box.addEventListener("change", () => {
    const ticked = [...document.querySelectorAll("input[name=photos]:checked")].map((other) => other.value);
    const onEasel = stage.photo();
    const uploading = document.querySelector("[data-upload][data-sending]");
    if (!ticked.length || ticked.includes(onEasel) || uploading) return stage.remember();
    keepPlace(box);
    stage.goTo(ticked);
  });
}
returnToPlace();
