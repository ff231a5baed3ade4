/** Tells calls that come several at a time, as in `Promise.all`, from those that wait for each other. */
const SETTLED = Promise.resolve();

export class Crowd {
  #isOpen = false;
  readonly #close = () => {
    this.#isOpen = false;
  };

  /**
   * Whether this call comes together with one before it: before anybody who awaits that could have gone
   * on.
   */
  join(): boolean {
    if (this.#isOpen) return true;
    this.#isOpen = true;
    SETTLED.then(this.#close);
    return false;
  }
}
