const SETTLED = Promise.resolve();

/** Tells calls made together, as in `Promise.all`, from calls that wait for each other. */
export class BurstDetector {
  #isOpen = false;
  readonly #close = () => {
    this.#isOpen = false;
  };

  /** Call it once per call: true if another call was made in the same microtask turn. */
  isBurst(): boolean {
    if (this.#isOpen) return true;
    this.#isOpen = true;
    SETTLED.then(this.#close);
    return false;
  }
}
