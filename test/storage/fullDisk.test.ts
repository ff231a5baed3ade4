/** Sessions whose disk takes nothing for a while: what a writer has acknowledged is there in the end. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ObjectId } from '../../src/git/objectId.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import type * as Durable from '../../src/storage/disk/durable.ts';
import { PackWriter } from '../../src/storage/packs/writing/packWriter.ts';
import type { ObjectWriter, Storage } from '../../src/storage/storage.ts';
import { DeflatePool } from '../../src/zlib/deflatePool.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const disk = vi.hoisted(() => ({ isFull: false }));

vi.mock('../../src/storage/disk/durable.ts', async (importOriginal) => {
  const original = await importOriginal<typeof Durable>();
  const writeFully: typeof original.writeFully = (...args) => {
    if (disk.isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    original.writeFully(...args);
  };
  return { ...original, writeFully };
});

let store: string;
let storage: Storage;
let writer: ObjectWriter;

beforeEach(async () => {
  store = join(scratchFolder(), 'store.git');
  await createRepository(store, { durability: 'fast' });
  storage = await openBareStorage(store, { durability: 'fast' });
  writer = storage.objects.writer();
});

afterEach(async () => {
  disk.isFull = false;
  await writer.abort();
  await storage.close();
});

/** Bodies that deflating makes no smaller. */
function newBody(): Buffer {
  return randomBytes(10_000);
}

test('a session that has lost what it was given does not finish', async () => {
  for (let i = 0; i < 200; i++) await writer.write('blob', newBody());
  disk.isFull = true;
  const writeMany = async () => {
    for (let i = 0; i < 5000; i++) await writer.write('blob', newBody());
  };
  await expect(writeMany()).rejects.toMatchObject({ code: 'ENOSPC' });
  disk.isFull = false;
  await expect(writer.finish()).rejects.toMatchObject({ code: 'ENOSPC' });
});

test('a session that could not begin a pack has lost nothing', async () => {
  const packs = join(store, 'objects/pack');
  const bodies = Array.from({ length: 150 }, newBody);
  const ids: ObjectId[] = [];
  rmdirSync(packs);
  for (const body of bodies) {
    await writer.write('blob', body).then(
      (id) => ids.push(id),
      () => {},
    );
  }
  expect(ids.length).toBeGreaterThan(50);
  expect(ids.length).toBeLessThan(bodies.length);
  mkdirSync(packs);
  for (const body of bodies) ids.push(await writer.write('blob', body));
  await writer.finish();
  for (const id of ids) expect(await storage.objects.read(id)).toBeDefined();
});

test('a full disk is told of while a large object is deflated', async () => {
  await writer.abort();
  await storage.close();
  storage = await openBareStorage(store, { durability: 'fast', compression: 6 });
  writer = storage.objects.writer();
  const chunk = Buffer.from(randomBytes(1 << 19).toString('hex'));
  async function* source() {
    for (let i = 0; i < 12; i++) {
      yield chunk;
      disk.isFull = true;
    }
  }
  const written = writer.writeStream(source(), 12 * chunk.length);
  await expect(written).rejects.toMatchObject({ code: 'ENOSPC' });
});

test('a pack keeps nothing of an object that was not looked up', async () => {
  const packDir = join(store, 'objects/pack');
  const pool = new DeflatePool(0);
  const pack = new PackWriter({ packDir, level: 0, durability: 'fast', pool });
  const size = 11 << 20;
  async function* source(byte: number) {
    yield Buffer.alloc(size, byte);
  }
  const lookUp = () => {
    throw new Error('input/output error');
  };
  await expect(pack.addStream(source(1), size, lookUp)).rejects.toThrow('input/output error');
  await pack.addStream(source(2), size, () => true);
  const name = await pack.finish();
  await pool.close();
  git(store, 'index-pack', '-o', join(scratchFolder(), 'checked.idx'), join(packDir, name!));
});
