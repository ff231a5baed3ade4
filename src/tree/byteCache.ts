/**
 * A cache bounded by the bytes its values stand for. It keeps two generations: values that are asked
 * for move to the young one; when that is full it becomes the old one and the old one is dropped. So
 * a hit costs one map lookup, and what is used stays.
 */
export class ByteCache<Value> {
  readonly #limit: number;
  readonly #cost: (value: Value) => number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #youngBytes = 0;

  /**
   * @param limit bytes that both generations together may stand for
   * @param cost the bytes a value stands for
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
