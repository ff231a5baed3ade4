/** A binary heap of small numbers, which hands out the one with the largest key first. */
export class Heap {
  readonly #keyOf: (item: number) => number;
  readonly #items: number[] = [];

  constructor(keyOf: (item: number) => number) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item with the largest key, which stays; undefined when there is none. */
  get first(): number | undefined {
    return this.#items[0];
  }

  push(item: number): void {
    const items = this.#items;
    const key = this.#keyOf(item);
    let at = items.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#keyOf(items[above]!) >= key) break;
      items[at] = items[above]!;
      at = above;
    }
    items[at] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    const key = this.#keyOf(last);
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      const right = below + 1;
      if (right < items.length && this.#keyOf(items[right]!) > this.#keyOf(items[below]!)) {
        below = right;
      }
      if (this.#keyOf(items[below]!) <= key) break;
      items[at] = items[below]!;
      at = below;
    }
    items[at] = last;
    return first;
  }
}
