// Sends one photo. XMLHttpRequest, because fetch does not report the progress of an upload.
import { message } from "../messages.js";

// Milliseconds without progress while a photo is sent, and then until it is answered.
const STALLED = 30_000;
const UNANSWERED = 120_000;

/** Resolves to the photo that the server keeps; rejects with a sentence. `onProgress` gets shares of 1. */
export function sendPhoto(address, token, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", token); // checked before the photo is read
    request.responseType = "json";
    abortWhenStalled(request);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(0.9 * (event.loaded / event.total)); // the answer is the rest
    });
    for (const name of ["error", "abort"]) request.addEventListener(name, () => reject(new Error(message("broken"))));
    request.addEventListener("load", () => {
      const photo = request.response?.photos?.[0];
      if (photo) resolve(photo);
      else reject(new Error(refusal(request.response)));
    });
    request.send(formData(token, file));
  });
}

function abortWhenStalled(request) {
  let timer = 0;
  const restart = (milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(() => request.abort(), milliseconds);
  };
  request.upload.addEventListener("progress", () => restart(STALLED));
  request.upload.addEventListener("load", () => restart(UNANSWERED));
  request.addEventListener("loadend", () => clearTimeout(timer));
  restart(STALLED);
}

function formData(token, file) {
  const data = new FormData();
  data.append("csrf_token", token);
  data.append("photos", file);
  return data;
}

const refusal = (answer) => answer?.errors?.[0]?.sentence ?? answer?.error ?? message("notUploaded");
