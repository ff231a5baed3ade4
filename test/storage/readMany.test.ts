/** `readMany`: many objects in a given order, wherever they lie. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { hashObject } from '../../src/git/objectId.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import type { ObjectStore, ReadAhead, Storage } from '../../src/storage/storage.ts';
import { git } from '../helpers/git.ts';
import { createBare, places, someId } from './places.ts';

const COUNT = 1500;

function bodyOf(i: number): Buffer {
  return Buffer.from(`object ${i}: ${'some text '.repeat((i * 37) % 600)}`);
}

async function fill(objects: ObjectStore, from: number, to: number): Promise<string[]> {
  const writer = objects.writer();
  const ids: string[] = [];
  for (let i = from; i < to; i++) ids.push(await writer.write('blob', bodyOf(i)));
  await writer.finish();
  return ids;
}

/** Reads the ids in groups of `size`, and copies what comes before the next group is asked for. */
async function readAll(
  objects: ObjectStore,
  ids: readonly string[],
  size = 100,
): Promise<(ReadAhead | undefined)[]> {
  const groups = async function* () {
    for (let at = 0; at < ids.length; at += size) yield ids.slice(at, at + size);
  };
  const all: (ReadAhead | undefined)[] = [];
  for await (const group of objects.readMany(groups())) {
    for (const object of group) {
      all.push(object && { ...object, body: object.body && Buffer.from(object.body) });
    }
  }
  return all;
}

function expectBodies(found: readonly (ReadAhead | undefined)[], numbers: readonly number[]): void {
  // Compared as bytes: one by one through the matcher takes minutes.
  const wrong = numbers.filter((number, i) => {
    const { type, body } = found[i] ?? {};
    return type !== 'blob' || body === undefined || !bodyOf(number).equals(body);
  });
  expect({ count: found.length, wrong }).toEqual({ count: numbers.length, wrong: [] });
}

describe.each(places)('in $name', ({ create }) => {
  let storage: Storage;
  beforeEach(async () => {
    storage = await create();
  });
  afterEach(() => storage.close());

  test('gives all in their order, also backwards and twice', async () => {
    const ids = await fill(storage.objects, 0, COUNT);
    const numbers = [...ids.keys()];
    expectBodies(await readAll(storage.objects, ids), numbers);
    numbers.reverse();
    numbers.push(...numbers.slice(0, 300));
    const wanted = numbers.map((i) => ids[i]!);
    expectBodies(await readAll(storage.objects, wanted, 7), numbers);
  });

  test('says what is not there, and reads objects of all types and sizes', async () => {
    const ids = await fill(storage.objects, 0, 300);
    const writer = storage.objects.writer();
    const large = Buffer.alloc(3 << 20, 'large ');
    const largeId = await writer.write('blob', large);
    const tree = await writer.write('tree', Buffer.alloc(0));
    await writer.finish();
    const found = await readAll(storage.objects, [...ids, someId(1), largeId, tree, ids[5]!]);
    expectBodies(found.slice(0, 300), [...ids.keys()]);
    expect(found[300]).toBeUndefined();
    expect(large.equals(found[301]!.body!)).toBe(true);
    expect(found[302]?.type).toBe('tree');
    expectBodies(found.slice(303), [5]);
  });

  test('can be left in the middle', async () => {
    const ids = await fill(storage.objects, 0, COUNT);
    const groups = async function* () {
      yield ids;
    };
    for await (const group of storage.objects.readMany(groups())) {
      if (group.length > 0) break;
    }
    expectBodies(await readAll(storage.objects, ids.slice(0, 10)), [...Array(10).keys()]);
  });
});

describe('in a bare repository', () => {
  test('loose, packed and as deltas, side by side', async () => {
    const storage = await createBare('fast');
    const ids = await fill(storage.objects, 0, 700);
    for (const id of ids) expect(await storage.objects.has(id)).toBe(true);
    const tree = git(storage.location, 'mktree', '--missing').trim();
    const listing = ids.map((id, i) => `100644 blob ${id}\tf${i}`).join('\n');
    expect(tree).toBe(hashObject('tree', Buffer.alloc(0)));
    await storage.close();
    const { execFileSync } = await import('node:child_process');
    const made = execFileSync('git', ['--git-dir', storage.location, 'mktree'], {
      input: `${listing}\n`,
    });
    const commit = git(storage.location, 'commit-tree', '-m', 'x', made.toString().trim());
    git(storage.location, 'update-ref', 'refs/heads/main', commit);
    // Git makes deltas of most.
    git(storage.location, 'repack', '-q', '-a', '-d', '-f', '--depth=50', '--window=50');
    const again = await openBareStorage(storage.location, { durability: 'fast' });
    const packed = await fill(again.objects, 700, 1400);
    const loose = await fill(again.objects, 1400, 1450);
    const all = [...ids, ...packed, ...loose];
    expectBodies(await readAll(again.objects, all), [...all.keys()]);
    const mixed = [...all.keys()].sort((a, b) => ((a * 7919) % 1451) - ((b * 7919) % 1451));
    expectBodies(
      await readAll(
        again.objects,
        mixed.map((i) => all[i]!),
      ),
      mixed,
    );
    await again.close();
  });

  test('a damaged object is an error that names it, when its turn comes', async () => {
    const storage = await createBare('fast');
    const ids = await fill(storage.objects, 0, COUNT);
    await storage.close();
    const packDir = join(storage.location, 'objects', 'pack');
    const pack = join(packDir, readdirSync(packDir).find((name) => name.endsWith('.pack'))!);
    const bytes = readFileSync(pack);
    bytes[bytes.length - 2000]! ^= 0xff;
    chmodSync(pack, 0o644);
    writeFileSync(pack, bytes);
    const again = await openBareStorage(storage.location, { durability: 'fast' });
    const error = await readAll(again.objects, ids).catch((reason) => reason);
    expect(error).toBeInstanceOf(CorruptObjectError);
    expect(ids).toContain(error.objectId);
    await again.close();
  });
});
