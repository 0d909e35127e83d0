// Uploads by dropping or choosing, with progress, each photo on its own line. Without scripts the plain form works.
import { here, leaveFor } from "./studio/address.js";
import { words } from "./words.js";

const form = document.querySelector("[data-upload]");
const list = document.querySelector(".uploads");
const maxBytes = Number(form.dataset.maxMegabytes) * 1e6;
const maxFiles = Number(form.dataset.maxFiles);
const waiting = [];
// How long, in milliseconds, nothing may happen while a photo is sent, and then until it is answered.
const STALLED = 30_000;
const UNANSWERED = 120_000;
let sending = false;

for (const element of form.querySelectorAll("[data-plain]")) element.hidden = true;
for (const element of form.querySelectorAll("[data-scripted]")) element.hidden = false;
for (const input of form.querySelectorAll("input[type=file]")) {
  input.hidden = false;
  input.classList.add("visually-hidden");
  const take = () => {
    upload([...input.files]);
    input.value = "";
  };
  input.addEventListener("change", take);
  if (input.files.length) take(); // chosen before this script had come, on a slow connection
}

// Photos may be dropped anywhere: the browser would open what misses the box, and the studio would be gone.
let ours = false; // a picture of the page itself is dragged
document.addEventListener("dragstart", () => (ours = true));
document.addEventListener("dragend", () => (ours = false));

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    invite(true);
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) invite(false); // they have left the window
});
document.addEventListener("drop", (event) => {
  invite(false);
  if (!bringsFiles(event)) return;
  event.preventDefault();
  upload([...event.dataTransfer.files]);
});

function bringsFiles(event) {
  return !ours && event.dataTransfer.types.includes("Files");
}

/** Show that what is dragged may be let go. */
function invite(awaited) {
  form.classList.toggle("over", awaited);
  document.body.classList.toggle("awaits-photos", awaited);
}

// A picture from the clipboard; a text field keeps what is pasted into it.
document.addEventListener("paste", (event) => {
  const pictures = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
  if (!pictures.length || event.target.closest?.("[type=search], [type=text], textarea")) return;
  event.preventDefault();
  upload(pictures);
});

/** Files join those that are still on their way; emptying an input may be a change too, of no files. */
function upload(files) {
  waiting.push(...files);
  if (sending || !waiting.length) return;
  busy(true);
  sendAll().finally(() => busy(false));
}

/** While photos are on their way the studio stays on its page, see studio.js. */
function busy(so) {
  sending = so;
  form.toggleAttribute("data-sending", so);
}

/** Send the files one after the other, then show the studio with them chosen, beside what is ticked by then. */
async function sendAll() {
  list.replaceChildren();
  const added = [];
  let failed = false;
  for (let number = 1; waiting.length; number += 1) {
    const file = waiting.shift();
    const line = addLine(file.name);
    try {
      if (number > maxFiles) throw new Error(words("tooMany", { num: maxFiles }));
      if (file.size > maxBytes) throw new Error(words("tooLarge", { megabytes: form.dataset.maxMegabytes }));
      const photo = await send(file, (share) => (line.bar.value = share * 100));
      added.push(photo.id);
      line.bar.value = 100;
    } catch (error) {
      failed = true;
      line.fail(error.message);
    }
  }
  if (!added.length) return;
  const ticked = [...document.querySelectorAll("input[name=photos]:checked")].map((box) => box.value);
  const target = studioWith(new Set([...ticked, ...added]));
  if (failed) addContinue(target);
  else leaveFor(target);
}

/** The studio's address with other photos: what is chosen stays, but for masks, which were painted on another. */
function studioWith(photos) {
  const query = new URLSearchParams([...photos].map((id) => ["photos", id]));
  for (const [name, value] of here().searchParams) {
    if (!["photos", "sample", "mask", "style_mask"].includes(name)) query.append(name, value);
  }
  return `${location.pathname}?${query}`;
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
    // The server checks this one before it reads the photo.
    request.setRequestHeader("X-CSRFToken", form.elements.csrf_token.value);
    request.responseType = "json";
    let patience = 0;
    const wait = (milliseconds) => {
      clearTimeout(patience);
      patience = setTimeout(() => request.abort(), milliseconds);
    };
    request.upload.addEventListener("progress", (event) => {
      wait(STALLED);
      if (event.lengthComputable) onProgress(0.9 * (event.loaded / event.total));
    });
    request.upload.addEventListener("load", () => wait(UNANSWERED));
    for (const end of ["error", "abort"]) request.addEventListener(end, () => reject(new Error(words("broken"))));
    request.addEventListener("loadend", () => clearTimeout(patience));
    request.addEventListener("load", () => {
      const answer = request.response;
      if (answer?.photos?.length) resolve(answer.photos[0]);
      else reject(new Error(answer?.errors?.[0]?.sentence ?? answer?.error ?? words("notUploaded")));
    });
    wait(STALLED);
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
  bar.setAttribute("aria-label", words("uploading", { name }));
  item.append(title, bar);
  list.append(item);
  const fail = (sentence) => {
    bar.remove();
    item.className = "flash flash-error";
    title.setAttribute("role", "alert");
    title.textContent = `${name}: ${sentence}`;
  };
  return { bar, fail };
}

function addContinue(target) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = target;
  link.className = "button button-small";
  link.textContent = words("goOn");
  item.append(link);
  list.append(item);
}
