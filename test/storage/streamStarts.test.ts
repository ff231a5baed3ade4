/**
 * Streams whose first bytes show no data: a Huffman table or empty blocks come first (RFC 1951). Git reads them,
 * and writes those with tables.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, deflateRawSync, deflateSync, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { hashObject } from '../../src/git/objectId.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { seed, seededRandom } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { type CraftedEntry, craftPack } from './craftPack.ts';
import { collect, createBare, places } from './places.ts';

/** Bytes of all values, some of them much more frequent than others: they need a long table. */
function uneven(length: number, random: () => number): Buffer {
  const weights = Array.from({ length: 256 }, () => 2 ** -(random() * 9));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    let value = 0;
    for (let at = random() * total; at >= weights[value]! && value < 255; value++) {
      at -= weights[value]!;
    }
    bytes[i] = value;
  }
  return bytes;
}

/** A stream with `count` empty stored blocks before its data. */
function padded(count: number): (data: Uint8Array) => Buffer {
  return (data) => {
    const whole = deflateSync(data);
    const empty = Buffer.from('000000ffff'.repeat(count), 'hex');
    return Buffer.concat([whole.subarray(0, 2), empty, deflateRawSync(data), whole.subarray(-4)]);
  };
}

const DEFLATES: readonly ((data: Uint8Array) => Buffer)[] = [
  (data) => deflateSync(data),
  (data) => deflateSync(data, { level: 9, strategy: constants.Z_HUFFMAN_ONLY }),
  padded(10),
  padded(300),
  padded(5000),
];

/** Inflated bytes that the first `length` bytes of a stream show. */
const shown = (stream: Uint8Array, length: number) =>
  inflateSync(stream.subarray(0, length), { finishFlush: constants.Z_SYNC_FLUSH }).length;

async function expectHeld(storage: Storage, bodies: readonly Buffer[]): Promise<void> {
  for (const body of bodies) {
    const id = hashObject('blob', body);
    expect(await storage.objects.header(id)).toEqual({ type: 'blob', size: body.length });
    expect(body.equals((await storage.objects.read(id))!.body)).toBe(true);
    const pieces = await collect((await storage.objects.readStream(id))!);
    expect(body.equals(Buffer.concat(pieces))).toBe(true);
  }
}

test('loose objects', async () => {
  const random = seededRandom(seed);
  const storage = await createBare('fast');
  const bodies: Buffer[] = [];
  let hidden = 0;
  for (const deflate of DEFLATES) {
    for (const length of [0, 1, 5000, 20_000]) {
      const body = uneven(length + bodies.length, random);
      const id = hashObject('blob', body);
      const stream = deflate(Buffer.concat([Buffer.from(`blob ${body.length}\0`), body]));
      if (shown(stream, 128) === 0) hidden++;
      const folder = join(storage.location, 'objects', id.slice(0, 2));
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, id.slice(2)), stream);
      expect(git(storage.location, 'cat-file', '-s', id)).toBe(`${body.length}`);
      bodies.push(body);
    }
  }
  expect(hidden).toBeGreaterThan(8);
  await expectHeld(storage, bodies);
  await storage.close();
});

/** A delta that inserts all of `body`. */
function inserting(baseLength: number, body: Uint8Array): Buffer {
  const parts: Uint8Array[] = [deltaNumber(baseLength), deltaNumber(body.length)];
  for (let at = 0; at < body.length; at += 120) {
    const piece = body.subarray(at, at + 120);
    parts.push(Buffer.from([piece.length]), piece);
  }
  return Buffer.concat(parts);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const deltaNumber = (value: number) =>
  Buffer.from(value < 128 ? [value] : [(value & 127) | 128, value >> 7]);

test.each(places)('deltas in packs: $name', async ({ name, create }) => {
  const random = seededRandom(seed);
  const storage = await create();
  for (const deflate of DEFLATES) {
    const entries: CraftedEntry[] = [];
    const bodies: Buffer[] = [];
    for (const length of [2, 3, 30, 3000, 9000]) {
      const base = uneven(40 + length, random);
      const body = uneven(length, random);
      entries.push({ type: 'blob', data: base }, { back: 1, data: inserting(base.length, body) });
      bodies.push(base, body);
    }
    const start = deflate(entries.at(-1)!.data).subarray(0, 64);
    expect(shown(start, 64)).toBe(0);
    const pack = craftPack(entries, { deflate });
    // A repository keeps a small pack as loose objects. Git keeps it as it is.
    if (name.startsWith('bare'))
      gitBytes(storage.location, ['index-pack', '--stdin'], Buffer.from(pack));
    else await storage.objects.importPack(once(pack));
    await expectHeld(storage, bodies);
  }
  await storage.close();
});
