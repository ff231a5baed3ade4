/**
 * Damaged stores: one file of a good store is cut short, has a bit flipped, or is overwritten in
 * part. Every read then gives the right data or a CorruptObjectError; wrong data, another error or
 * a hang are faults.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError, type FS, GitStore } from '../../src/index.ts';
import { useFirstCodecs } from '../../src/zlib/firstCodecs.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { effort, seed, seededRandom } from './stress.ts';

const { count, timeout } = effort(30, 5000);

/** path → what must be read there. */
const files = new Map<string, Buffer>();

beforeAll(() => {
  const text = Array.from({ length: 400 }, (_, i) => `line ${i} of a text with some length`);
  for (let version = 0; version < 6; version++) {
    text[version * 50] = `line changed in version ${version}`;
    files.set(`texts/version${version}`, Buffer.from(text.join('\n')));
  }
  for (let i = 0; i < 6; i++) files.set(`deep/er/small${i}`, Buffer.from(`small file ${i}\n`));
  files.set('empty', Buffer.alloc(0));
  files.set('random', randomBytes(50_000));
});

interface Layout {
  readonly name: string;
  readonly pack: (store: string) => void;
  /** The files that are damaged. */
  readonly victims: RegExp;
  /** Nothing is lost with these files: every read gives the right data. */
  readonly spare?: boolean;
}

/** How the objects of the good store lie. */
const layouts: Layout[] = [
  {
    name: 'loose objects',
    pack: () => {},
    victims: /^objects\/[0-9a-f]{2}\//,
  },
  {
    name: 'a pack with deltas',
    pack: (store) => git(store, 'gc', '-q'),
    victims: /^objects\/pack\/.*\.pack$/,
  },
  {
    name: 'a pack index',
    pack: (store) => git(store, 'gc', '-q'),
    victims: /^objects\/pack\/.*\.idx$/,
  },
  {
    name: 'a multi-pack-index',
    pack: (store) => {
      git(store, 'repack', '-adq');
      git(store, 'multi-pack-index', 'write');
    },
    victims: /^objects\/pack\/multi-pack-index$/,
    spare: true,
  },
];

describe.each(layouts)('damage to $name', ({ pack, victims, spare = false }) => {
  test(`${count} times (seed ${seed})`, { timeout }, async () => {
    const random = seededRandom(seed);
    const path = join(scratchFolder(), 'store.git');
    await using store = await GitStore.open(path, { durability: 'fast' });
    for (const [file, body] of files) await (await store.branches.get('main')).write(file, body);
    pack(path);
    const damaged = filesBelow(path).filter((file) => victims.test(file));
    expect(damaged.length).toBeGreaterThan(0);

    let refused = 0;
    for (let round = 0; round < count; round++) {
      const file = damaged[Math.floor(random() * damaged.length)]!;
      const good = readFileSync(join(path, file));
      const { bytes, how } = damage(good, random);
      chmodSync(join(path, file), 0o644);
      writeFileSync(join(path, file), bytes);
      // As in a command that reads a few files.
      if (round % 2 === 1) useFirstCodecs();
      refused += await readEverything(path, `${how} of ${file}, seed ${seed}, round ${round}`);
      writeFileSync(join(path, file), good);
    }
    // Damage that no read notices would mean that the reads do not look.
    if (spare) expect(refused).toBe(0);
    else expect(refused).toBeGreaterThan(0);
    expect(await readEverything(path, 'nothing')).toBe(0);
  });
});

/** Reads all files in several ways through a store opened now; gives back how many reads refused. */
async function readEverything(path: string, damage: string): Promise<number> {
  let refused = 0;
  const attempt = async (what: string, expected: string, read: () => Promise<string>) => {
    let got: string;
    try {
      got = await read();
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) {
        throw new Error(`${what} after ${damage}`, { cause: error });
      }
      // It says what is broken: an object by its id, or the file that holds it.
      expect(error.message, `${what} after ${damage}`).toMatch(/[0-9a-f]{40}|multi-pack-index/);
      refused++;
      return;
    }
    if (got !== expected) throw new Error(`Wrong data: ${what} after ${damage}`);
  };

  const store = await GitStore.open(path, { create: false });
  try {
    let fs: FS | undefined;
    await attempt('the branch', '', async () => {
      fs = await store.branches.get('main');
      return '';
    });
    if (fs === undefined) return refused;
    const tip = fs;
    await attempt('ls', [...files.keys()].sort().join(), async () =>
      (await tip.ls('', { recursive: true })).join(),
    );
    for (const [file, body] of files) {
      await attempt(`read of ${file}`, bytes(body), async () => bytes(await tip.read(file)));
      await attempt(`range of ${file}`, bytes(body.subarray(3, 10)), async () =>
        bytes(await tip.read(file, { offset: 3, size: 7 })),
      );
      await attempt(`stream of ${file}`, bytes(body), async () => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of tip.readStream(file)) chunks.push(chunk);
        return bytes(Buffer.concat(chunks));
      });
      await attempt(`size of ${file}`, `${body.length}`, async () => `${await tip.size(file)}`);
    }
  } finally {
    await store.close();
  }
  return refused;
}

/** Bytes as a string that is quick to compare. */
function bytes(data: Uint8Array): string {
  return Buffer.from(data).toString('latin1');
}

function damage(good: Buffer, random: () => number): { bytes: Buffer; how: string } {
  const at = Math.floor(random() * good.length);
  switch (Math.floor(random() * 4)) {
    case 0:
      return { bytes: good.subarray(0, at), how: `cut to ${at} bytes` };
    case 1: {
      const bytes = Buffer.from(good);
      bytes.fill(0, at, Math.min(good.length, at + 1 + Math.floor(random() * 32)));
      return { bytes, how: `zeros at ${at}` };
    }
    default: {
      const bytes = Buffer.from(good);
      const bit = Math.floor(random() * 8);
      bytes[at]! ^= 1 << bit;
      return { bytes, how: `bit ${bit} of byte ${at} flipped` };
    }
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).isFile())
    .map((file) => relative(folder, file).replaceAll('\\', '/'))
    .sort();
}
