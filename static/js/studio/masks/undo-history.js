// The last states of something that is edited, for undo.

export class UndoHistory {
  #states = [];
  #limit;
  #trimmed = false; // older states were dropped

  constructor(limit) {
    this.#limit = limit;
  }

  /** Keep the state before a change. */
  push(state) {
    this.#states.push(state);
    if (this.#states.length <= this.#limit) return;
    this.#states.shift();
    this.#trimmed = true;
  }

  /** Take the state before the last change. */
  pop() {
    return this.#states.pop();
  }

  get canUndo() {
    return this.#states.length > 0;
  }

  /** Whether every change is undone; false if older states were dropped. */
  get atStart() {
    return !this.canUndo && !this.#trimmed;
  }
}
