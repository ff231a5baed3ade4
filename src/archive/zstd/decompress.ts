/**
 * A Zstandard decompressor (RFC 8878), for Nodes without one: any number of frames, checksums
 * compared. It needs the memory of the window, which is 8 MiB for `zstd -19`.
 */
import { setImmediate } from 'node:timers/promises';
import { ByteReader } from '../byteReader.ts';
import { corrupt, refused } from '../errors.ts';
import { Window } from '../window.ts';
import { BadZstd } from './bits.ts';
import { BlockDecoder, MAX_BLOCK } from './block.ts';
import { XxHash64 } from './xxhash64.ts';

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** As zstd itself: larger windows must be allowed there too. */
const MAX_WINDOW = 128 << 20;

/** @throws ArchiveError */
export async function* decompressZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(source);
  try {
    for (let first = true; first || (await reader.fill(1)); first = false) {
      const magic = (await reader.read(4)).readUInt32LE();
      if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
        await reader.skip((await reader.read(4)).readUInt32LE());
      } else if (magic === FRAME) {
        yield* decompressFrame(reader);
      } else throw broken();
    }
  } catch (error) {
    throw error instanceof BadZstd ? broken() : error;
  } finally {
    await reader.close();
  }
}

async function* decompressFrame(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const { windowSize, contentSize, hasChecksum } = await readHeader(reader);
  const window = new Window(windowSize);
  const decoder = new BlockDecoder(window);
  const hash = hasChecksum ? new XxHash64() : undefined;
  const blockSize = Math.min(MAX_BLOCK, windowSize);
  let total = 0;
  for (let last = false; !last; ) {
    const head = (await reader.read(3)).readUIntLE(0, 3);
    last = (head & 1) === 1;
    const type = (head >> 1) & 3;
    const size = head >> 3;
    window.reserve(MAX_BLOCK);
    const start = window.position;
    if (type === 1) {
      if (size > blockSize) throw broken();
      window.copyIn(new Uint8Array(size).fill((await reader.read(1))[0]!));
    } else {
      if (type === 3 || size > blockSize) throw broken();
      const block = await reader.read(size);
      if (type === 0) window.copyIn(block);
      else decoder.decode(block);
    }
    const piece = window.bytes.slice(start, window.position);
    total += piece.length;
    hash?.update(piece);
    if (piece.length > 0) yield piece;
    await setImmediate();
  }
  if (contentSize !== undefined && contentSize !== total) {
    throw broken('a frame has another size than it says');
  }
  if (hash !== undefined && (await reader.read(4)).readUInt32LE() !== hash.digest()) {
    throw broken('a checksum does not fit');
  }
}

interface FrameHeader {
  readonly windowSize: number;
  readonly contentSize: number | undefined;
  readonly hasChecksum: boolean;
}

async function readHeader(reader: ByteReader): Promise<FrameHeader> {
  const descriptor = (await reader.read(1))[0]!;
  const isSingle = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw broken();
  let windowSize = 0;
  if (!isSingle) {
    const byte = (await reader.read(1))[0]!;
    const base = 2 ** (10 + (byte >> 3));
    windowSize = base + (base / 8) * (byte & 7);
  }
  const dictionaryLength = [0, 1, 2, 4][descriptor & 3]!;
  if ((await reader.read(dictionaryLength)).some((byte) => byte !== 0)) {
    throw refused('Its Zstandard data needs a dictionary: that is not supported');
  }
  const form = descriptor >> 6;
  const sizeLength = form === 0 ? (isSingle ? 1 : 0) : 1 << form;
  const field = await reader.read(sizeLength);
  let contentSize: number | undefined;
  if (sizeLength === 8) {
    contentSize = field.readUInt32LE(0) + field.readUInt32LE(4) * 0x100000000;
  } else if (sizeLength > 0) {
    contentSize = field.readUIntLE(0, sizeLength) + (sizeLength === 2 ? 256 : 0);
  }
  if (isSingle) windowSize = contentSize ?? 0;
  if (windowSize > MAX_WINDOW) {
    throw refused(
      `Its Zstandard data needs a window of ${Math.ceil(windowSize / 2 ** 20)} MiB, more than ${MAX_WINDOW / 2 ** 20} MiB`,
    );
  }
  return { windowSize, contentSize, hasChecksum: (descriptor & 4) !== 0 };
}

function broken(what = 'it does not follow its format') {
  return corrupt(`its Zstandard data cannot be read: ${what}`);
}
