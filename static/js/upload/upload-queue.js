// Uploads files one after the other.

/** Why a file is refused before it is sent: "tooMany", "tooLarge" or null. `position` counts from 1. */
export function brokenLimit(file, position, { maxFiles, maxBytes }) {
  if (position > maxFiles) return "tooMany";
  return file.size > maxBytes ? "tooLarge" : null;
}

export class UploadQueue {
  #options;
  #waiting = [];
  #sending = false;

  /**
   * `start()` begins a batch. `upload(file, position)` resolves to the id of the photo, or to null if it failed.
   * `setSending(on)` says that a batch runs, `finish(ids, failed)` that it is over, with whether any file failed.
   */
  constructor(options) {
    this.#options = options;
  }

  /** Add files; while a batch runs they join it. */
  async add(files) {
    this.#waiting.push(...files);
    if (this.#sending || !this.#waiting.length) return; // emptying a file field is a change event without files
    this.#setSending(true);
    try {
      await this.#run();
    } finally {
      this.#setSending(false);
    }
  }

  async #run() {
    this.#options.start();
    const ids = [];
    let failed = false;
    for (let position = 1; this.#waiting.length; position += 1) {
      const id = await this.#options.upload(this.#waiting.shift(), position);
      if (id === null) failed = true;
      else ids.push(id);
    }
    this.#options.finish(ids, failed);
  }

  #setSending(sending) {
    this.#sending = sending;
    this.#options.setSending(sending);
  }
}
