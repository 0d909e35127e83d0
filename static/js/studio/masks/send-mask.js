// Sends one mask to the server.
import { message } from "../../messages.js";

const TIMEOUT = 30_000; // milliseconds for an answer

/** Resolves to { id }, or to { error } with a sentence; never rejects. */
export async function sendMask(address, token, surface) {
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: await formData(token, surface),
      headers: { Accept: "application/json", "X-CSRFToken": token },
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const body = await answer.json();
    return answer.ok ? { id: body.id } : { error: body.error ?? message("maskNotKept") };
  } catch {
    return { error: message("maskOffline") };
  }
}

async function formData(token, surface) {
  const blob = await new Promise((resolve) => surface.toBlob(resolve, "image/png"));
  const data = new FormData();
  data.append("csrf_token", token);
  data.append("mask", blob, "mask.png");
  return data;
}
