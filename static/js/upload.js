// Uploads by dropping or choosing, with progress, each photo on its own line. Without scripts the plain form works.

const form = document.querySelector("[data-upload]");
const list = document.querySelector(".uploads");
const maxBytes = Number(form.dataset.maxMegabytes) * 1e6;
const maxFiles = Number(form.dataset.maxFiles);

for (const element of form.querySelectorAll("[data-plain]")) element.hidden = true;
for (const element of form.querySelectorAll("[data-scripted]")) element.hidden = false;
for (const input of form.querySelectorAll("input[type=file]")) {
  input.hidden = false;
  input.classList.add("visually-hidden");
  input.addEventListener("change", () => {
    upload([...input.files]);
    input.value = "";
  });
}

for (const name of ["dragenter", "dragover"]) {
  form.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  upload([...event.dataTransfer.files]);
});

/** Send the files one after the other, then show the studio with them chosen. */
async function upload(files) {
  list.replaceChildren();
  const chosen = new Set([...document.querySelectorAll("input[name=photos]:checked")].map((box) => box.value));
  let failed = false;
  for (const [index, file] of files.entries()) {
    const line = addLine(file.name);
    try {
      if (index >= maxFiles) throw new Error(`At most ${maxFiles} photos can be uploaded at once.`);
      if (file.size > maxBytes) throw new Error(`This file is too large: at most ${form.dataset.maxMegabytes} MB are possible.`);
      const photo = await send(file, (share) => (line.bar.value = share * 100));
      chosen.add(photo.id);
      line.bar.value = 100;
    } catch (error) {
      failed = true;
      line.fail(error.message);
    }
  }
  if (failed && chosen.size === 0) return;
  const query = new URLSearchParams([...chosen].map((id) => ["photos", id]));
  const style = document.querySelector("input[name=style]:checked");
  if (style) query.set("style", style.value);
  const target = `${location.pathname}?${query}`;
  if (!failed) location.assign(target);
  else addContinue(target);
}

/** One file; resolves to the photo that the server keeps. */
function send(file, onProgress) {
  return new Promise((resolve, reject) => {
    const data = new FormData();
    data.append("csrf_token", form.elements.csrf_token.value);
    data.append("photos", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(0.9 * (event.loaded / event.total)));
    request.addEventListener("error", () => reject(new Error("The connection broke. Check it and try again.")));
    request.addEventListener("load", () => {
      const answer = request.response;
      if (answer?.photos?.length) resolve(answer.photos[0]);
      else reject(new Error(answer?.errors?.[0]?.sentence ?? answer?.error ?? "The upload did not work. Try again."));
    });
    request.send(data);
  });
}

function addLine(name) {
  const item = document.createElement("li");
  const title = document.createElement("span");
  title.textContent = name;
  const bar = document.createElement("progress");
  bar.className = "progress";
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Uploading ${name}`);
  item.append(title, bar);
  list.append(item);
  const fail = (sentence) => {
    bar.remove();
    item.className = "flash flash-error";
    item.setAttribute("role", "alert");
    title.textContent = `${name}: ${sentence}`;
  };
  return { bar, fail };
}

function addContinue(target) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = target;
  link.className = "button button-small";
  link.textContent = "Go on with the others";
  item.append(link);
  list.append(item);
}
