// Uploads with progress, each photo on its own line. Without scripts the plain form works.
import { message } from "./messages.js";
import { currentAddress, navigate } from "./studio/page-address.js";
import { photosQuery } from "./studio/studio-query.js";
import { tickedPhotos } from "./studio/ticked-photos.js";
import { takeDrops, takeFromFields, takePastes } from "./upload/file-sources.js";
import { sendPhoto } from "./upload/send-photo.js";
import { UploadList } from "./upload/upload-list.js";
import { brokenLimit, UploadQueue } from "./upload/upload-queue.js";

const form = document.querySelector("[data-upload]");
const list = new UploadList(document.querySelector(".uploads"));
const megabytes = form.dataset.maxMegabytes;
const limits = { maxFiles: Number(form.dataset.maxFiles), maxBytes: Number(megabytes) * 1e6 };

const queue = new UploadQueue({
  upload,
  finish,
  start: () => list.clear(),
  setSending: (sending) => form.toggleAttribute("data-sending", sending), // meanwhile studio.js stays on the page
});
const take = (files) => queue.add(files);

for (const element of form.querySelectorAll("[data-plain]")) element.hidden = true;
for (const element of form.querySelectorAll("[data-scripted]")) element.hidden = false;
takeFromFields(form, take);
takeDrops(take, invite);
takePastes(take);

/** Show that the dragged files can be dropped. */
function invite(on) {
  form.classList.toggle("over", on);
  document.body.classList.toggle("awaits-photos", on);
}

/** Upload one file on a line of its own; resolves to the photo's id, or to null if it failed. */
async function upload(file, position) {
  const line = list.add(file.name);
  try {
    const broken = brokenLimit(file, position, limits);
    if (broken) throw new Error(message(broken, { num: limits.maxFiles, megabytes }));
    const photo = await sendPhoto(form.action, form.elements.csrf_token.value, file, line.progress);
    line.progress(1);
    return photo.id;
  } catch (error) {
    line.fail(error.message);
    return null;
  }
}

/** Open the studio with the new photos and the ticked ones. */
function finish(ids, failed) {
  if (!ids.length) return;
  const photos = new Set([...tickedPhotos(), ...ids]);
  const target = `${location.pathname}?${photosQuery(currentAddress().searchParams, photos)}`;
  if (failed) list.addContinue(target);
  else navigate(target);
}
