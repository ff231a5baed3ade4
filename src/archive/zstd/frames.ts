/**
 * Zstandard's frames (RFC 8878, 3.1): where each begins and ends. Decompressors take it from here
 * frame by frame, so that data that ends too early, a second frame and a skippable one are seen
 * whatever the decompressor makes of them.
 */
import type { ArchiveError } from '../../errors.ts';
import type { ByteReader } from '../bytes/byteReader.ts';
import { corrupt, refused } from '../errors.ts';

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

const CHECKSUM_FLAG = 4;
const CHECKSUM_LENGTH = 4;

/** What is to be read as a whole. */
export interface Part {
  /** The caller's own. */
  readonly bytes: Buffer;
  /** How many bytes it unpacks to; undefined for a compressed block, which has at least one. */
  readonly unpacked: number | undefined;
}

/** What becomes of a block (RFC 8878, 3.1.1.2). */
const BLOCK = { raw: 0, run: 1, compressed: 2, reserved: 3 } as const;

/** One frame, to be read to its end before the next one is asked for. */
export interface Frame {
  /** Bytes that it may refer back to. */
  readonly window: number;
  /** Bytes that it unpacks to, where it says so. */
  readonly size: number | undefined;
  /** The whole frame, magic number and checksum included: its header, each block, its end. */
  parts(): AsyncGenerator<Part, void, undefined>;
  /** The same as bytes only. */
  pieces(): AsyncGenerator<Buffer, void, undefined>;
  /** The checksum that it ends with, once it has been read; undefined when it has none. */
  checksum(): number | undefined;
}

/** @throws ArchiveError when the data is no sequence of frames, or ends inside one */
export async function* readFrames(reader: ByteReader): AsyncGenerator<Frame, void, undefined> {
  for (let first = true; first || (await reader.fill(1)); first = false) {
    const magic = await reader.read(4);
    if ((magic.readUInt32LE() & 0xfffffff0) >>> 0 === SKIPPABLE) {
      await reader.skip((await reader.read(4)).readUInt32LE());
    } else if (magic.readUInt32LE() === FRAME) {
      yield await readFrame(reader, magic);
    } else throw broken();
  }
}

async function readFrame(reader: ByteReader, magic: Buffer): Promise<Frame> {
  const descriptor = await reader.read(1);
  const flags = descriptor[0]!;
  const isSingle = (flags & 0x20) !== 0;
  const windowField = await reader.read(isSingle ? 0 : 1);
  const dictionary = await reader.read([0, 1, 2, 4][flags & 3]!);
  if (dictionary.some((byte) => byte !== 0)) {
    throw refused('Its Zstandard data needs a dictionary: that is not supported');
  }
  const form = flags >> 6;
  const sizeField = await reader.read(form === 0 ? (isSingle ? 1 : 0) : 1 << form);
  const head = Buffer.concat([magic, descriptor, windowField, dictionary, sizeField]);
  const size = sizeField.length === 0 ? undefined : sizeOf(sizeField);
  let checksum: number | undefined;
  async function* parts(): AsyncGenerator<Part, void, undefined> {
    yield { bytes: head, unpacked: 0 };
    for (let last = false; !last; ) {
      const blockHead = await reader.read(3);
      const value = blockHead.readUIntLE(0, 3);
      last = (value & 1) === 1;
      const type = (value >> 1) & 3;
      if (type === BLOCK.reserved) throw broken();
      const size = value >> 3;
      const content = await reader.read(type === BLOCK.run ? 1 : size);
      const unpacked = type === BLOCK.compressed ? undefined : size;
      yield { bytes: Buffer.concat([blockHead, content]), unpacked };
    }
    if ((flags & CHECKSUM_FLAG) !== 0) {
      const end = await reader.read(CHECKSUM_LENGTH);
      checksum = end.readUInt32LE();
      yield { bytes: end, unpacked: 0 };
    }
  }
  return {
    window: windowField.length === 0 ? (size ?? 0) : windowOf(windowField[0]!),
    size,
    parts,
    async *pieces() {
      for await (const { bytes } of parts()) yield bytes;
    },
    checksum: () => checksum,
  };
}

function windowOf(field: number): number {
  const base = 2 ** (10 + (field >> 3));
  return base + (base / 8) * (field & 7);
}

function sizeOf(field: Buffer): number {
  if (field.length === 8) return field.readUInt32LE(0) + field.readUInt32LE(4) * 0x100000000;
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

/** A frame that was made without a checksum, with its checksum. */
export function withChecksum(frame: Uint8Array, checksum: number): Buffer {
  const whole = Buffer.alloc(frame.length + CHECKSUM_LENGTH);
  whole.set(frame);
  whole[4]! |= CHECKSUM_FLAG;
  whole.writeUInt32LE(checksum, frame.length);
  return whole;
}

export function broken(what = 'it does not follow its format', cause?: unknown): ArchiveError {
  return corrupt(`its Zstandard data cannot be read: ${what}`, undefined, cause);
}
