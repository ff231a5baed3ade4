/** Turns to change a ref among the callers of one storage. */

export class Turns {
  /** The end of the queue for each ref. */
  readonly #ends = new Map<string, Promise<void>>();

  /** Waits for the turn, at most `timeout` milliseconds. @returns a function that gives it back */
  async take(ref: string, timeout: number): Promise<() => void> {
    const before = this.#ends.get(ref);
    let giveBack = () => {};
    const mine = new Promise<void>((resolve) => {
      giveBack = resolve;
    });
    const end = Promise.all([before, mine]).then(() => {
      if (this.#ends.get(ref) === end) this.#ends.delete(ref);
    });
    this.#ends.set(ref, end);
    if (before !== undefined) await settledWithin(before, timeout);
    return giveBack;
  }
}

function settledWithin(promise: Promise<void>, timeout: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeout);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
