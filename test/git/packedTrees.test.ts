/** Names looked up in packed trees: what the trees hold, or no answer. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { findTreeEntry } from '../../src/git/objects/tree.ts';
import { encodePath } from '../../src/git/pathBytes.ts';
import { type PackBytes, PackedTrees } from '../../src/storage/shortcuts/packedTrees.ts';
import { runs, seed } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { imported, PATHS, randomHistory } from '../store/importedHistory.ts';

const NAMES = [...new Set(PATHS.flatMap((path) => path.split('/'))), 'none', 'file7', ''];

let pack: Buffer;
let index: Buffer;
/** Bodies of all trees of the pack, by their ids; and where all entries begin. */
const trees = new Map<string, Buffer>();
const offsets = new Map<string, number>();

beforeAll(() => {
  const store = imported(`${randomHistory(300, 8)}${wideTrees()}`);
  git(store, 'repack', '-adfq', '--depth=50', '--window=20');
  const directory = join(store, 'objects/pack');
  const name = readdirSync(directory).find((file) => file.endsWith('.pack'))!;
  pack = readFileSync(join(directory, name));
  index = readFileSync(join(directory, name.replace('.pack', '.idx')));
  for (const line of gitBytes(store, ['show-index'], index).toString().trim().split('\n')) {
    const [offset, id] = line.split(' ') as [string, string];
    offsets.set(id, Number(offset));
  }
  const ids = Buffer.from([...offsets.keys()].join('\n'));
  const objects = gitBytes(store, ['cat-file', '--batch'], ids);
  for (let at = 0; at < objects.length; ) {
    const lineEnd = objects.indexOf(10, at);
    const [id, type, size] = objects.toString('latin1', at, lineEnd).split(' ');
    at = lineEnd + 1 + Number(size);
    if (type === 'tree') trees.set(id!, objects.subarray(lineEnd + 1, at));
    at += 1;
  }
});

/** Commits whose trees are large, those of one branch larger than is taken. */
function wideTrees(): string {
  const parts: string[] = [];
  for (let round = 0; round < 5; round++) {
    const branch = round < 2 ? 'wide' : 'wider';
    parts.push(`commit refs/heads/${branch}\ncommitter A <a@b> 1600000000 +0000\ndata 0\n`);
    for (let i = 0; i < 700; i++) {
      const data = `${round} ${i}`;
      const path = `file${i + 700 * round}`;
      parts.push(`M 100644 inline ${path}\ndata ${data.length}\n${data}\n`);
    }
    parts.push('\n');
  }
  return parts.join('');
}

function source(packBytes: Buffer, indexBytes: Buffer): PackBytes {
  return {
    isIndexPlain: true,
    readInto: (out, offset) => packBytes.copy(out, 0, Math.min(offset, packBytes.length - 20)),
    readIndexInto: (out, at) => indexBytes.copy(out, 0, Math.min(at, indexBytes.length)),
  };
}

test('every name is what the tree says, by its place and by its id', () => {
  const found = PackedTrees.open()!;
  const its = source(pack, index);
  let large = 0;
  let wide = 0;
  let deltas = 0;
  for (const [id, body] of trees) {
    // Or it may be made of one that is too large.
    const isLarge = body.length > 20_000;
    for (const name of NAMES) {
      const expected = name === '' ? undefined : findTreeEntry(body, name);
      const bytes = encodePath(name);
      for (const entry of [found.findAt(its, offsets.get(id)!, bytes), found.find(id, bytes)]) {
        if (isLarge && entry === undefined) large++;
        else if (expected === undefined) expect(entry).toBeNull();
        else {
          expect(entry?.mode).toBe(expected.mode);
          expect(entry?.id.toString('hex')).toBe(expected.id);
        }
      }
    }
    if (isLarge) wide++;
    if (((pack[offsets.get(id)!]! >> 4) & 7) === 6) deltas++;
  }
  expect(trees.size).toBeGreaterThan(200);
  expect(wide).toBe(5);
  expect(large).toBeGreaterThan(0);
  expect(large).toBeLessThan(wide * NAMES.length * 2);
  expect(deltas).toBeGreaterThan(30);
});

test('what is not in the pack, or not a tree, has no answer', () => {
  const found = PackedTrees.open()!;
  const its = source(pack, index);
  const name = encodePath('a');
  const [id] = trees.keys();
  expect(found.find(id!, name)).toBeUndefined();
  found.findAt(its, offsets.get(id!)!, name);
  expect(found.find(id!, name)).not.toBeUndefined();
  expect(found.find('0'.repeat(40), name)).toBeUndefined();
  expect(found.find('no id', name)).toBeUndefined();
  expect(found.find(id!, Buffer.alloc(5000, 'a'))).toBeUndefined();
  for (const offset of [pack.length, pack.length - 21, 2 ** 40, 2 ** 45]) {
    expect(found.findAt(its, offset, name)).toBeUndefined();
  }
  for (let i = 0; i < 20; i++) found.findAt(source(pack, index), offsets.get(id!)!, name);
  expect(found.findAt(source(pack, index), offsets.get(id!)!, name)).toBeUndefined();
});

test('a pack that cannot be read is its own error, and later read again', () => {
  const found = PackedTrees.open()!;
  const its = source(pack, index);
  const error = new Error('gone');
  let isGone = true;
  const readInto: PackBytes['readInto'] = (out, offset) => {
    if (isGone) throw error;
    return its.readInto(out, offset);
  };
  const [id] = trees.keys();
  const look = () => found.findAt({ ...its, readInto }, offsets.get(id!)!, encodePath('a'));
  expect(look).toThrow(error);
  isGone = false;
  expect(look()).not.toBeUndefined();
});

test('damage is no answer, or one; never a hang', () => {
  const name = encodePath('a');
  const some = [...trees.keys()].slice(0, 40);
  const flips = fc.array(fc.tuple(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.nat(7)), {
    minLength: 1,
    maxLength: 400,
  });
  const withFlips = (bytes: Buffer, changes: readonly (readonly [number, number])[]): Buffer => {
    const broken = Buffer.from(bytes);
    for (const [at, bit] of changes) broken[Math.floor(at * broken.length)]! ^= 1 << bit;
    return broken;
  };
  fc.assert(
    fc.property(
      flips,
      flips,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (inPack, inIndex, cut) => {
        const found = PackedTrees.open()!;
        const whole = withFlips(pack, inPack);
        const part = whole.subarray(0, 20 + Math.floor(cut * (whole.length - 20)));
        for (const its of [source(whole, withFlips(index, inIndex)), source(part, index)]) {
          for (const id of some) {
            try {
              found.findAt(its, offsets.get(id)!, name);
              found.find(id, name);
            } catch (error) {
              // The engine lets nothing reach out of the memory.
              expect(error).toBeInstanceOf(Error);
            }
          }
        }
      },
    ),
    { numRuns: runs(60), seed },
  );
});
