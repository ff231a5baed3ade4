/** The two parts of unbzip2-stream that its stream is made of; the package has no types for them. */

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  /** Reads bits, the highest first; with null it goes on to the next whole byte. */
  interface BitIterator {
    (count: number): number;
    (align: null): void;
    /** Bytes of which bits have been read. */
    readonly bytesRead: number;
  }
  /** @param next called for more bytes when it has none left */
  export default function bitIterator(next: () => Uint8Array): BitIterator;
}

declare module 'unbzip2-stream/lib/bzip2.js' {
  import type { BitIterator } from 'unbzip2-stream/lib/bit_iterator.js';

  const bzip2: {
    /** Reads the first four bytes of a stream; gives its level, 1 to 9. */
    header(bits: BitIterator): number;
    /**
     * Reads a block and compares its checksum; gives the stream's checksum so far. At the end of the
     * stream it compares that and gives null.
     * @param table of as many elements as a block may have bytes
     */
    decompress(
      bits: BitIterator,
      take: (byte: number) => void,
      table: Int32Array,
      size: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}
