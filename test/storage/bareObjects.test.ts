/** Objects of a bare repository beside real Git: each reads what the other wrote, however packed. */
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashObject } from '../../src/git/objectId.ts';
import { serializeTree } from '../../src/git/objects/treeWriter.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import type { ObjectStore, Storage } from '../../src/storage/storage.ts';
import { seed, seededRandom } from '../crash/stress.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type CraftedEntry, craftPack, prepending } from './craftPack.ts';
import { collect } from './places.ts';

const MAIN = 'refs/heads/main';
const MiB = 1024 * 1024;

let store: string;
let storage: Storage;
let objects: ObjectStore;

beforeEach(async () => {
  store = join(scratchFolder(), 'store.git');
  await createRepository(store, { durability: 'fast' });
  storage = await openBareStorage(store, { durability: 'fast' });
  objects = storage.objects;
});

afterEach(() => storage.close());

interface ObjectByGit {
  readonly id: string;
  readonly type: string;
  readonly body: Buffer;
}

/** Every object Git knows of. */
function readAllByGit(): ObjectByGit[] {
  const output = gitBytes(store, ['cat-file', '--batch', '--batch-all-objects']);
  const found: ObjectByGit[] = [];
  for (let at = 0; at < output.length; ) {
    const lineEnd = output.indexOf('\n', at);
    const [id = '', type = '', size] = output.toString('latin1', at, lineEnd).split(' ');
    const end = lineEnd + 1 + Number(size);
    found.push({ id, type, body: output.subarray(lineEnd + 1, end) });
    at = end + 1;
  }
  return found;
}

/** Reads all objects in every way there is, and compares with Git. */
async function expectSameAsGit(): Promise<void> {
  const all = readAllByGit();
  expect(all.length).toBeGreaterThan(4);
  for (const { id, type, body } of all) {
    expect(await objects.has(id)).toBe(true);
    expect(await objects.header(id)).toEqual({ type, size: body.length });
    for (const keep of [false, true, true]) {
      const object = objects.tryRead(id, { keep }) ?? (await objects.read(id))!;
      expect(object.type).toBe(type);
      expect(body.equals(object.body)).toBe(true);
    }
    expect(Buffer.concat(await collect((await objects.readStream(id))!)).equals(body)).toBe(true);
    const offset = Math.floor(body.length / 3);
    const part = Buffer.concat(
      await collect((await objects.readStream(id, { offset, size: 100 }))!),
    );
    expect(part.equals(body.subarray(offset, offset + 100))).toBe(true);
    expect(await objects.resolve(id.slice(0, 20))).toEqual([id]);
  }
}

/** A history by Git of texts that change a little: good for deltas. Returns the newest commit. */
function makeHistory(commits: number): string {
  const random = seededRandom(seed);
  const lines = Array.from({ length: 800 }, (_, i) => `line ${i} ${random()}`);
  let parent: string | undefined;
  for (let i = 0; i < commits; i++) {
    lines[Math.floor(random() * lines.length)] = `changed in ${i}`;
    lines.splice(Math.floor(random() * lines.length), 1);
    const text = gitBytes(store, ['hash-object', '-w', '--stdin'], Buffer.from(lines.join('\n')));
    const noise = gitBytes(store, ['hash-object', '-w', '--stdin'], randomBytes(2000));
    const entries = `100644 blob ${text.toString().trim()}\ttext\n100755 blob ${noise.toString().trim()}\tnoise\n`;
    const tree = gitBytes(store, ['mktree'], Buffer.from(entries)).toString().trim();
    const parents: string[] = parent === undefined ? [] : ['-p', parent];
    parent = git(store, 'commit-tree', tree, ...parents, '-m', `commit ${i}`);
  }
  git(store, 'update-ref', MAIN, parent!);
  git(store, 'tag', '-f', '-a', 'v1', '-m', 'an annotated tag', MAIN);
  return parent!;
}

describe('what Git wrote', { timeout: 120_000 }, () => {
  test('loose objects', async () => {
    makeHistory(3);
    await expectSameAsGit();
  });

  test.each([
    ['offset deltas', ['-c', 'repack.useDeltaBaseOffset=true', 'repack', '-adfq', '--depth=50']],
    ['ref deltas', ['-c', 'repack.useDeltaBaseOffset=false', 'repack', '-adfq', '--depth=50']],
    ['index version 1', ['-c', 'pack.indexVersion=1', 'repack', '-adfq']],
    ['one pack for each size', ['-c', 'pack.packSizeLimit=1m', 'repack', '-adfq']],
    ['no compression', ['-c', 'pack.compression=0', 'repack', '-adfFq']],
  ])('a pack: %s', async (_, args) => {
    makeHistory(12);
    git(store, ...args);
    git(store, 'prune-packed');
    await expectSameAsGit();
  });

  test('several packs with a multi-pack-index, loose objects beside', async () => {
    for (let i = 0; i < 3; i++) {
      makeHistory(4);
      git(store, 'repack', '-dq');
    }
    git(store, 'multi-pack-index', 'write');
    makeHistory(1);
    await expectSameAsGit();
  });

  test('a multi-pack-index that does not know the newest pack', async () => {
    makeHistory(3);
    git(store, 'repack', '-dq');
    git(store, 'multi-pack-index', 'write');
    makeHistory(3);
    git(store, 'repack', '-dq');
    await expectSameAsGit();
  });

  test('objects of an alternate, and of its alternate', async () => {
    makeHistory(4);
    git(store, 'repack', '-adq');
    const folder = scratchFolder();
    for (const [name, base] of [
      ['middle.git', join(store, 'objects')],
      ['top.git', '../../middle.git/objects'],
    ] as const) {
      await createRepository(join(folder, name), { durability: 'fast' });
      const info = join(folder, name, 'objects/info');
      mkdirSync(info, { recursive: true });
      writeFileSync(join(info, 'alternates'), `# where the rest is\n${base}\n`);
    }
    await storage.close();
    store = join(folder, 'top.git');
    storage = await openBareStorage(store, { durability: 'fast' });
    objects = storage.objects;
    await expectSameAsGit();
  });

  test('a store that is packed, packed again and cleaned while it is open', async () => {
    makeHistory(6);
    await expectSameAsGit();
    for (const args of [
      ['repack', '-dq'],
      ['gc', '-q'],
      ['repack', '-adfq', '--depth=3'],
    ]) {
      git(store, ...args);
      await expectSameAsGit();
      makeHistory(1);
    }
    git(store, 'gc', '-q', '--prune=now');
    await expectSameAsGit();
  });
});

describe('what we wrote, read by Git', () => {
  /** Makes a commit of blobs, so that Git's check reaches them. */
  async function commitBlobs(bodies: readonly Buffer[]): Promise<string[]> {
    const writer = objects.writer();
    const ids: string[] = [];
    for (const body of bodies) ids.push(await writer.write('blob', body));
    const names = ids.map((id, i) => ({ name: `file${i}`, mode: 0o100644, id }));
    const tree = await writer.write('tree', serializeTree(names));
    const who = 'A <a@example.com> 1700000000 +0100';
    const text = `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nfiles\n`;
    const commit = await writer.write('commit', Buffer.from(text));
    await writer.finish();
    await storage.refs.update([{ ref: MAIN, new: commit }]);
    return ids;
  }

  test.each([
    ['a few small ones', [Buffer.alloc(0), Buffer.from('a\n'), randomBytes(5000)]],
    [
      'many',
      Array.from({ length: 1200 }, (_, i) => Buffer.from(`file number ${i}\n`.repeat(i % 40))),
    ],
    [
      'large ones',
      [randomBytes(7 * MiB), Buffer.alloc(9 * MiB, 'compressible '), Buffer.from('x')],
    ],
  ])('%s', async (_, bodies) => {
    const ids = await commitBlobs(bodies);
    expectClean(store);
    for (const [i, id] of ids.entries()) {
      if (i % 50 === 0 || bodies.length < 10) {
        expect(gitBytes(store, ['cat-file', 'blob', id]).equals(bodies[i]!)).toBe(true);
      }
    }
    git(store, 'gc', '-q', '--prune=now');
    expectClean(store);
    for (const [i, id] of ids.entries()) {
      expect(Buffer.from((await objects.read(id))!.body).equals(bodies[i]!)).toBe(true);
    }
  });

  test('large ones among many, and never wrong data where one is damaged', async () => {
    const small = Array.from({ length: 50 }, (_, i) => Buffer.from(`file number ${i}\n`));
    const text = Buffer.alloc(3 * MiB, 'compressible, in long lines ');
    const noise = randomBytes(2 * MiB);
    const ids = await commitBlobs([...small, text, noise]);
    git(store, 'repack', '-q', '-a', '-d', '-f', '--window=0');
    const readAll = async () => {
      for (const id of ids.slice(0, 50)) await objects.read(id);
      return [await objects.read(ids[50]!), await objects.read(ids[51]!)];
    };
    const [first, second] = await readAll();
    expect(text.equals(first!.body)).toBe(true);
    expect(noise.equals(second!.body)).toBe(true);
    await storage.close();

    const packs = join(store, 'objects', 'pack');
    const pack = join(packs, readdirSync(packs).find((name) => name.endsWith('.pack'))!);
    const bytes = readFileSync(pack);
    for (const line of git(store, 'verify-pack', '-v', pack).split('\n')) {
      const [id, , , length, offset] = line.split(/\s+/);
      if (ids.indexOf(id!) >= 50) bytes[Number(offset) + Math.floor(Number(length) / 2)]! ^= 1;
    }
    rmSync(pack);
    writeFileSync(pack, bytes);
    storage = await openBareStorage(store, { durability: 'fast' });
    objects = storage.objects;
    for (const id of ids.slice(0, 50)) await objects.read(id);
    for (const id of ids.slice(50)) {
      for (const keep of [false, true]) {
        expect(objects.tryRead(id, { keep, limit: 8 * MiB })).toBeUndefined();
      }
      await expect(objects.read(id)).rejects.toMatchObject({ code: 'ECORRUPT', objectId: id });
    }
  });

  test('a delta on a base that was read is not believed when its entry was replaced', async () => {
    const base = Buffer.from('the base\n'.repeat(20));
    const good = prepending(base, 'good\n');
    const others = Array.from({ length: 60 }, (_, i) => Buffer.from(`file number ${i}\n`));
    const entries = (delta: Buffer): CraftedEntry[] => [
      ...[...others, base].map((data) => ({ type: 'blob', data }) as const),
      { back: 1, data: delta },
    ];
    const deflate = (data: Uint8Array) => deflateSync(data, { level: 0 });
    const sound = craftPack(entries(good), { deflate });
    // A valid zlib stream of the same length.
    const changed = craftPack(entries(prepending(base, 'evil\n')), {
      deflate,
      trailer: sound.subarray(-20),
    });
    expect(changed.length).toBe(sound.length);
    const [baseId, id] = [base, Buffer.concat([Buffer.from('good\n'), base])].map((body) =>
      hashObject('blob', body),
    ) as [string, string];
    for (const bytes of [sound, changed]) {
      const packs = join(store, 'objects', 'pack');
      rmSync(packs, { recursive: true });
      mkdirSync(packs);
      const pack = join(packs, `pack-${sound.toString('hex', sound.length - 20)}.pack`);
      writeFileSync(pack, sound);
      git(store, 'index-pack', pack);
      rmSync(pack);
      writeFileSync(pack, bytes);
      for (const keep of [false, true]) {
        await storage.close();
        storage = await openBareStorage(store, { durability: 'fast' });
        objects = storage.objects;
        for (const other of others) {
          expect(objects.tryRead(hashObject('blob', other))?.body).toEqual(other);
        }
        expect(objects.tryRead(baseId, { keep: true })?.body).toEqual(base);
        const read = objects.tryRead(id, { keep });
        if (bytes === sound) expect(hashObject('blob', read!.body)).toBe(id);
        else expect(read).toBeUndefined();
      }
    }
    await expect(objects.read(id)).rejects.toMatchObject({ code: 'ECORRUPT', objectId: id });
  });

  test('many objects become one pack and few files', async () => {
    await commitBlobs(Array.from({ length: 3000 }, (_, i) => Buffer.from(`file number ${i}\n`)));
    const count = Object.fromEntries(
      git(store, 'count-objects', '-v')
        .split('\n')
        .map((line) => line.split(': ')),
    );
    expect(Number(count.packs)).toBe(1);
    expect(Number(count.count)).toBeLessThan(20);
    expect(Number(count.garbage)).toBe(0);
  });

  test('an object that Git has already packed is not written again', async () => {
    const bodies = Array.from({ length: 20 }, (_, i) => Buffer.from(`file number ${i}\n`));
    await commitBlobs(bodies);
    git(store, 'gc', '-q');
    await storage.close();
    storage = await openBareStorage(store, { durability: 'fast' });
    objects = storage.objects;
    const writer = objects.writer();
    for (const body of bodies) await writer.write('blob', body);
    await writer.finish();
    expect(git(store, 'count-objects')).toMatch(/^0 objects/);
  });

  test('streams of unknown length leave nothing temporary behind', async () => {
    const body = randomBytes(6 * MiB);
    async function* source() {
      for (let at = 0; at < body.length; at += 100_000) yield body.subarray(at, at + 100_000);
    }
    const writer = objects.writer();
    const id = await writer.writeStream(source());
    await writer.finish();
    expect(gitBytes(store, ['cat-file', 'blob', id]).equals(body)).toBe(true);
    const aborted = objects.writer();
    await aborted.writeStream(source());
    await aborted.abort();
    const names = readdirSync(join(store, 'objects'), { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => name.includes('tmp'))).toEqual([]);
  });
});

test('an alternate that is not there is no hindrance', async () => {
  appendFileSync(join(store, 'objects/info/alternates'), '/does/not/exist/objects\n');
  await storage.close();
  storage = await openBareStorage(store, { durability: 'fast' });
  expect(await storage.objects.has('1'.repeat(40))).toBe(false);
  rmSync(join(store, 'objects/info/alternates'));
});
