// Writes a value that changes often, at most once per interval.

export class ThrottledWriter {
  #write;
  #interval;
  #clock;
  #pending = null; // the newest value, until it is written
  #timer = 0;
  #lastWrite = -Infinity;
  #paused = false;

  /** If `write` throws because it is called too often, the value is written an interval later. */
  constructor(write, interval, clock = () => performance.now()) {
    this.#write = write;
    this.#interval = interval;
    this.#clock = clock;
  }

  /** The value that is not written yet, or null. */
  get pending() {
    return this.#pending;
  }

  /** Write the value now, or when the interval since the last write ends. */
  put(value) {
    this.#pending = value;
    const rest = this.#lastWrite + this.#interval - this.#clock();
    if (rest <= 0) this.flush();
    else this.#timer ||= setTimeout(() => this.flush(), rest);
  }

  /** Write the pending value now. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#pending === null || this.#paused) return;
    try {
      this.#write(this.#pending);
      this.#pending = null;
    } catch {
      this.#timer = setTimeout(() => this.flush(), this.#interval);
    }
    this.#lastWrite = this.#clock();
  }

  /** Write nothing until resumed. */
  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
  }
}
