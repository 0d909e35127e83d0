/** The ids of the photos that are ticked in the photo strip. */
export const tickedPhotos = () => [...document.querySelectorAll("input[name=photos]:checked")].map((box) => box.value);
