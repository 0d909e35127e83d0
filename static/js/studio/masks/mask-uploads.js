// Sends masks to the server and puts their ids into the form.

export class MaskUploads {
  #options;
  #late = new Map(); // the newest mask of a kind that the form lacks: kind → { surface, upload, failed }

  /**
   * `send(surface)` resolves to { id }, or to { error } with a sentence. `accept(kind, id)` puts an id into the form,
   * `report(sentence)` tells what went wrong, `needed(kind)` says whether a picture would use a mask of this kind.
   */
  constructor(options) {
    this.#options = options;
  }

  /** Send a mask. Of each kind, only the newest counts. */
  save(kind, surface) {
    const mask = { surface, failed: false };
    this.#late.set(kind, mask);
    mask.upload = this.#send(kind, mask);
  }

  /** Use this id, or none (""), and forget a mask on its way. */
  use(kind, id) {
    this.#late.delete(kind);
    this.#options.accept(kind, id);
  }

  /** Whether the form has every mask that a picture needs. */
  get complete() {
    return !this.#missing().length;
  }

  /** Wait until no upload runs. Failed ones are tried once more. Returns whether the form has every mask. */
  async settle() {
    for (const [kind, mask] of this.#missing()) if (mask.failed) this.save(kind, mask.surface);
    const running = () => this.#missing().filter(([, mask]) => !mask.failed);
    // Read the map again each time: another stroke may have come.
    while (running().length) await running()[0][1].upload;
    return this.complete;
  }

  #missing() {
    return [...this.#late].filter(([kind]) => this.#options.needed(kind));
  }

  async #send(kind, mask) {
    const { id, error } = await this.#options.send(mask.surface);
    if (this.#late.get(kind) !== mask) return;
    if (id) {
      this.use(kind, id);
    } else {
      mask.failed = true;
      this.#options.report(error);
    }
  }
}
