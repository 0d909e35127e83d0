// Keeps the page's address and its links in step with the form. So reloading, going back and signing up lose nothing.
import { controlParams } from "./controls.js";
import { currentAddress, navigate, replaceAddress } from "./page-address.js";
import { photosQuery, sampleQuery, stripPageQuery, studioQuery } from "./studio-query.js";
import { tickedPhotos } from "./ticked-photos.js";

/** Write the form's state into the address, the links and the fields with the return address. */
export function syncAddress(form) {
  const query = formQuery(form);
  const address = `${location.pathname}?${query}`;
  replaceAddress(address);
  for (const link of document.querySelectorAll("[data-strip-page]")) {
    const older = new URL(link.href).searchParams.get("older");
    link.href = `${location.pathname}?${stripPageQuery(query, older)}`;
  }
  for (const link of document.querySelectorAll("a[data-sample]")) {
    link.href = `${location.pathname}?${sampleQuery(query, link.dataset.sample)}`;
  }
  for (const link of document.querySelectorAll("[data-sign-up]")) {
    link.href = `${link.dataset.signUp}?${new URLSearchParams({ next: address })}`;
  }
  for (const field of document.querySelectorAll("input[name=next]")) field.value = address;
}

function formQuery(form) {
  return studioQuery({
    photos: tickedPhotos(),
    sample: form.elements.sample?.value,
    controls: controlParams(new FormData(form)),
    print: [...form.querySelectorAll("[data-print]")].map((field) => [field.name, field.value]),
    current: currentAddress().searchParams,
  });
}

/** Load the studio with other photos. The masks stay behind, as they belong to the photo on the easel. */
export function openPhotos(form, photos) {
  form.elements.mask.value = "";
  form.elements.style_mask.value = "";
  form.elements.sample?.remove();
  syncAddress(form);
  navigate(`${location.pathname}?${photosQuery(currentAddress().searchParams, photos)}`);
}
