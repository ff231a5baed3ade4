/** A bare LZMA stream of known size, as zip archives have it (APPNOTE, 5.8). */
import { setImmediate } from 'node:timers/promises';
import { ByteReader } from '../bytes/byteReader.ts';
import { Window } from '../bytes/window.ts';
import { corrupt, refused } from '../errors.ts';
import { MAX_MATCH } from './lzma.ts';
import { BadLzma, LzmaDecoder } from './lzmaDecoder.ts';

const MAX_DICTIONARY = 128 << 20;

/** Bytes decoded in one step, and more input than they can need. */
const STEP = 16 << 10;
const STEP_INPUT = 32 * STEP;

/** @throws ArchiveError */
export async function* decompressLzma(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(source);
  try {
    const head = await reader.read(4);
    const properties = await reader.read(head.readUInt16LE(2));
    if (properties.length !== 5) throw broken();
    const dictionary = Math.max(4096, properties.readUInt32LE(1));
    if (dictionary > MAX_DICTIONARY) throw refused('Its LZMA data needs too large a dictionary');
    const window = new Window(dictionary);
    const decoder = new LzmaDecoder(window);
    if (!decoder.model.setProperties(properties[0]!)) throw broken();
    decoder.resetState();
    for (let done = 0, steps = 0; done < size; steps++) {
      await reader.fill(STEP_INPUT);
      decoder.feed(reader.peek(STEP_INPUT));
      if (done === 0) decoder.begin();
      const length = Math.min(STEP, size - done);
      window.reserve(length + MAX_MATCH);
      const start = window.position;
      decoder.run(length);
      reader.take(decoder.taken);
      done += window.position - start;
      yield window.bytes.slice(start, window.position);
      if (steps % 16 === 15) await setImmediate();
    }
  } catch (error) {
    throw error instanceof BadLzma ? broken() : error;
  } finally {
    await reader.close();
  }
}

function broken() {
  return corrupt('its LZMA data cannot be read');
}
