/** The .xz container (tukaani.org's "The .xz File Format", 1.2): numbers, flags and checksums. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const STREAM_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]);
export const FOOTER_MAGIC = Buffer.from('YZ');
export const LZMA2 = 0x21;
export const CHECK_CRC32 = 1;

/** Bytes of each kind of check, by its number. */
export const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** The name of a filter that is not LZMA2, for messages. */
export const FILTER_NAMES: Readonly<Record<number, string>> = {
  3: 'Delta',
  4: 'x86',
  5: 'PowerPC',
  6: 'IA-64',
  7: 'ARM',
  8: 'ARM-Thumb',
  9: 'SPARC',
  10: 'ARM64',
  11: 'RISC-V',
};

/** A number in groups of seven bits, the lowest first. */
export function encodeNumber(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A running checksum; `digest` undefined for a kind that is not known and so not compared. */
export interface Check {
  update(bytes: Uint8Array): void;
  digest(): Buffer | undefined;
}

export function checkOf(kind: number): Check {
  if (kind === CHECK_CRC32) {
    let crc = 0;
    return {
      update(bytes) {
        crc = crc32(bytes, crc);
      },
      digest() {
        const digest = Buffer.alloc(4);
        digest.writeUInt32LE(crc);
        return digest;
      },
    };
  }
  if (kind === 4) return new Crc64();
  if (kind === 10) {
    const hash = createHash('sha256');
    return {
      update(bytes) {
        hash.update(bytes);
      },
      digest: () => hash.digest(),
    };
  }
  return { update() {}, digest: () => undefined };
}

/** CRC-64 of ECMA-182, the lowest bit first, in two halves. */
class Crc64 implements Check {
  static #tables: { low: Int32Array; high: Int32Array } | undefined;
  #low = -1;
  #high = -1;

  static #table(): { low: Int32Array; high: Int32Array } {
    if (Crc64.#tables !== undefined) return Crc64.#tables;
    const low = new Int32Array(256);
    const high = new Int32Array(256);
    for (let i = 0; i < 256; i++) {
      let l = i;
      let h = 0;
      for (let bit = 0; bit < 8; bit++) {
        const odd = l & 1;
        l = (l >>> 1) | (h << 31);
        h >>>= 1;
        if (odd === 1) {
          l ^= 0xd7870f42;
          h ^= 0xc96c5795;
        }
      }
      low[i] = l;
      high[i] = h;
    }
    Crc64.#tables = { low, high };
    return Crc64.#tables;
  }

  update(bytes: Uint8Array): void {
    const { low, high } = Crc64.#table();
    let l = this.#low;
    let h = this.#high;
    for (let i = 0; i < bytes.length; i++) {
      const index = (l ^ bytes[i]!) & 0xff;
      l = ((l >>> 8) | (h << 24)) ^ low[index]!;
      h = (h >>> 8) ^ high[index]!;
    }
    this.#low = l;
    this.#high = h;
  }

  digest(): Buffer {
    const digest = Buffer.alloc(8);
    digest.writeInt32LE(~this.#low, 0);
    digest.writeInt32LE(~this.#high, 4);
    return digest;
  }
}
