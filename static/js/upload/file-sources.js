// Where photos come from: the form's file fields, dropping anywhere on the page, and the clipboard.

/** Call `take(files)` with each choice, also with a choice made before this script ran. */
export function takeFromFields(form, take) {
  for (const field of form.querySelectorAll("input[type=file]")) {
    field.hidden = false;
    field.classList.add("visually-hidden");
    const takeAll = () => {
      take([...field.files]);
      field.value = "";
    };
    field.addEventListener("change", takeAll);
    if (field.files.length) takeAll();
  }
}

/**
 * Take files dropped anywhere: a browser opens a file that misses the box, and leaves the studio. `invite(on)` shows
 * that files can be dropped.
 */
export function takeDrops(take, invite) {
  let fromPage = false; // true while a picture of the page itself is dragged
  const bringsFiles = (event) => !fromPage && event.dataTransfer.types.includes("Files");
  document.addEventListener("dragstart", () => (fromPage = true));
  document.addEventListener("dragend", () => (fromPage = false));
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      invite(true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) invite(false); // the files have left the window
  });
  document.addEventListener("drop", (event) => {
    invite(false);
    if (!bringsFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

/** Pictures pasted outside text fields. */
export function takePastes(take) {
  document.addEventListener("paste", (event) => {
    const pictures = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (!pictures.length || event.target.closest?.("[type=search], [type=text], textarea")) return;
    event.preventDefault();
    take(pictures);
  });
}
