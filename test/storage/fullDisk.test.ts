/** Sessions whose disk takes nothing for a while: what a writer has acknowledged is there in the end. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ObjectId } from '../../src/git/objectId.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import type * as Durable from '../../src/storage/disk/durable.ts';
import type { ObjectWriter, Storage } from '../../src/storage/storage.ts';
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
