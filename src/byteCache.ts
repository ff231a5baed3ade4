/**
 * A cache bounded by the size of its values. It has two generations: a hit moves the value to the young
 * one. When that is full it becomes the old one, and the old one is dropped. So a hit costs one map lookup,
 * and used values stay.
 */
export class ByteCache<Value> {
  readonly #limit: number;
  readonly #cost: (value: Value) => number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #youngBytes = 0;

  /**
   * @param limit bytes of both generations together, at most
   * @param cost returns the size of a value in bytes
   */
  constructor(limit: number, cost: (value: Value) => number) {
    this.#limit = limit / 2;
    this.#cost = cost;
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const aged = this.#old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: string, value: Value): void {
    if (this.#young.has(key)) return;
    const bytes = this.#cost(value);
    if (this.#youngBytes + bytes > this.#limit) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
      if (bytes > this.#limit) return;
    }
    this.#young.set(key, value);
    this.#youngBytes += bytes;
  }
}
