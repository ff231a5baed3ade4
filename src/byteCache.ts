/**
 * A cache bounded by the size of its values. It has two generations: a hit moves the value to the young
 * one. When that is full it becomes the old one, and the old one is dropped. So a hit costs one map lookup,
 * and used values stay.
 */
export class ByteCache<Value, Key = string> {
  readonly #limit: number;
  readonly #most: number;
  readonly #cost: (value: Value) => number;
  readonly #renew: (value: Value) => Value;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  #youngBytes = 0;
  #isComplete = true;

  /**
   * @param limit bytes of both generations together, at most
   * @param cost returns the size of a value in bytes
   * @param most bytes above which a value is not kept: it would evict too many others
   * @param renew returns what to keep of a value that moves to the young generation: a copy, where the
   *   memory of the value would keep that of evicted ones alive
   */
  constructor(
    limit: number,
    cost: (value: Value) => number,
    most = limit / 2,
    renew = (value: Value) => value,
  ) {
    this.#limit = limit / 2;
    this.#most = most;
    this.#cost = cost;
    this.#renew = renew;
  }

  /** Whether it has all values that were ever set: none was evicted, nor too large. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const aged = this.#old.get(key);
    if (aged !== undefined) this.set(key, this.#renew(aged));
    return aged;
  }

  set(key: Key, value: Value): void {
    if (this.#young.has(key)) return;
    const bytes = this.#cost(value);
    if (bytes > this.#most) {
      this.#isComplete = false;
      return;
    }
    if (this.#youngBytes + bytes > this.#limit) {
      if (this.#old.size > 0) this.#isComplete = false;
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, value);
    this.#youngBytes += bytes;
  }
}
