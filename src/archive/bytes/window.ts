/** The text that a decompressor copies from. */

/** What has been decoded, as far back as matches may reach. */
export class Window {
  readonly #reach: number;
  bytes: Uint8Array;
  position = 0;
  /** Where the oldest byte is that a match may copy. */
  oldest = 0;

  /** @param reach how far back matches may reach, in bytes */
  constructor(reach: number) {
    this.#reach = reach;
    this.bytes = new Uint8Array(Math.min(reach, 1 << 20) + (4 << 20));
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    if (this.position + length <= this.bytes.length) return;
    const keep = Math.min(this.position - this.oldest, this.#reach);
    const from = this.position - keep;
    const most = this.#reach + Math.max(8 << 20, this.#reach >> 2);
    const grown = Math.min(most, Math.max(2 * this.bytes.length, keep + length));
    if (
      keep + length > this.bytes.length ||
      (keep > this.bytes.length / 2 && grown > this.bytes.length)
    ) {
      const larger = new Uint8Array(Math.max(grown, keep + length));
      larger.set(this.bytes.subarray(from, this.position));
      this.bytes = larger;
    } else {
      this.bytes.copyWithin(0, from, this.position);
    }
    this.oldest = 0;
    this.position = keep;
  }

  /** Forgets all that has been decoded. */
  forget(): void {
    this.oldest = this.position;
  }

  copyIn(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.position);
    this.position += bytes.length;
  }
}
