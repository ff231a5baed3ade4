/**
 * Memory for many small objects that are freed in about the order of their allocation: large blocks cut
 * into pieces. A piece keeps its block alive.
 */
const BLOCK = 256 << 10;
/** Larger pieces get their own block. */
const LARGEST = BLOCK / 8;

export class Arena {
  #block = Buffer.alloc(0);
  #used = 0;

  /** Uninitialized memory. */
  readonly allocate = (size: number): Buffer => {
    if (size > LARGEST) return Buffer.allocUnsafeSlow(size);
    if (this.#used + size > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += size;
    return this.#block.subarray(start, this.#used);
  };

  copy(bytes: Uint8Array): Buffer {
    const copy = this.allocate(bytes.length);
    copy.set(bytes);
    return copy;
  }
}
