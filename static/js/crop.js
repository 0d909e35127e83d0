// The order page: which part of each photo a print shows. Without scripts three number fields choose it.
import { CropTool } from "./crop/crop-tool.js";
import { printShape } from "./crop/geometry.js";

const form = document.querySelector("[data-order]");
const tools = [...form.querySelectorAll("[data-framed]")].map((item) => new CropTool(item));

/** Give every crop the shape of the chosen size. */
function applySize() {
  const { dataset } = form.querySelector("input[name=size]:checked");
  const orientation = form.querySelector("input[name=orientation]:checked")?.value;
  const size = { width: Number(dataset.width), height: Number(dataset.height), rotates: "rotates" in dataset };
  form.querySelector("[data-orientation-choice]").hidden = !size.rotates;
  for (const tool of tools) tool.setShape(printShape(size, orientation, tool.photo));
}

form.addEventListener("change", (event) => {
  if (["size", "orientation"].includes(event.target.name)) applySize();
});
applySize();
