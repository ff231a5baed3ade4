/** What every ObjectStore promises (src/storage/storage.ts), wherever it keeps its objects. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GitStoreError } from '../../src/errors.ts';
import { EMPTY_TREE_ID, hashObject, type ObjectType } from '../../src/git/objectId.ts';
import type { ByteRange, ObjectStore, Storage } from '../../src/storage/storage.ts';
import { runs } from '../crash/stress.ts';
import { collect, places, someId } from './places.ts';

const MiB = 1024 * 1024;

describe.each(places)('objects in $name', ({ create }) => {
  let storage: Storage;
  let objects: ObjectStore;

  beforeEach(async () => {
    storage = await create();
    objects = storage.objects;
  });

  afterEach(() => storage.close());

  async function writeAll(
    bodies: readonly Uint8Array[],
    type: ObjectType = 'blob',
  ): Promise<string[]> {
    const writer = objects.writer();
    const ids: string[] = [];
    for (const body of bodies) ids.push(await writer.write(type, body));
    await writer.finish();
    return ids;
  }

  async function readRange(id: string, range?: ByteRange): Promise<Buffer> {
    const stream = await objects.readStream(id, range);
    if (stream === undefined) throw new Error(`no object ${id}`);
    const chunks = await collect(stream);
    for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(MiB);
    return Buffer.concat(chunks);
  }

  test('all four types come back as they were', async () => {
    const tree = Buffer.alloc(0);
    const commit = Buffer.from(
      `tree ${EMPTY_TREE_ID}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nm\n`,
    );
    const commitId = hashObject('commit', commit);
    const tag = Buffer.from(`object ${commitId}\ntype commit\ntag v1\ntagger a <a> 1 +0000\n\nm\n`);
    const bodies: [ObjectType, Buffer][] = [
      ['blob', Buffer.from('text\n')],
      ['tree', tree],
      ['commit', commit],
      ['tag', tag],
    ];
    const writer = objects.writer();
    for (const [type, body] of bodies) {
      expect(await writer.write(type, body)).toBe(hashObject(type, body));
    }
    await writer.finish();
    for (const [type, body] of bodies) {
      const id = hashObject(type, body);
      expect(await objects.has(id)).toBe(true);
      expect(await objects.header(id)).toEqual({ type, size: body.length });
      const object = await objects.read(id);
      expect(object?.type).toBe(type);
      expect(Buffer.from(object!.body)).toEqual(body);
      expect(await readRange(id)).toEqual(body);
    }
  });

  test('what is not there is undefined', async () => {
    const id = someId(1);
    expect(await objects.has(id)).toBe(false);
    expect(await objects.header(id)).toBeUndefined();
    expect(await objects.read(id)).toBeUndefined();
    expect(await objects.readStream(id)).toBeUndefined();
    expect(await objects.resolve('0000')).toEqual([]);
  });

  test('the empty tree is there without being written', async () => {
    expect(await objects.has(EMPTY_TREE_ID)).toBe(true);
    expect(await objects.header(EMPTY_TREE_ID)).toEqual({ type: 'tree', size: 0 });
    const tree = await objects.read(EMPTY_TREE_ID);
    expect(tree).toMatchObject({ type: 'tree' });
    expect(tree?.body).toHaveLength(0);
  });

  test('an empty blob', async () => {
    const [id] = (await writeAll([Buffer.alloc(0)])) as [string];
    expect((await objects.read(id))?.body).toHaveLength(0);
    expect(await readRange(id)).toHaveLength(0);
    expect(await readRange(id, { offset: 5, size: 5 })).toHaveLength(0);
  });

  test('ranges are cut as subarray cuts', async () => {
    const bodies = [
      Buffer.from('0123456789'),
      randomBytes(3 * MiB + 17),
      Buffer.alloc(3 * MiB, 'text '),
    ];
    const ids = await writeAll(bodies);
    const ranges: ByteRange[] = [
      {},
      { offset: 3 },
      { size: 4 },
      { offset: 2, size: 3 },
      { offset: 0, size: 0 },
      { offset: 8, size: 100 },
      { offset: 10 },
      { offset: 1000, size: 10 },
      { offset: 2 * MiB - 1, size: MiB + 2 },
      { offset: 3 * MiB + 10, size: 100 },
    ];
    for (const [i, body] of bodies.entries()) {
      for (const range of ranges) {
        const offset = range.offset ?? 0;
        const end = range.size === undefined ? body.length : offset + range.size;
        const found = await readRange(ids[i]!, range);
        expect(found.equals(body.subarray(offset, end)), JSON.stringify(range)).toBe(true);
      }
    }
  });

  test('many objects of one session, and again in another', async () => {
    const bodies = Array.from({ length: 1500 }, (_, i) => Buffer.from(`body of object ${i}\n`));
    const ids = await writeAll(bodies);
    expect(await writeAll(bodies)).toEqual(ids);
    for (const [i, id] of ids.entries()) {
      expect(Buffer.from((await objects.read(id))!.body)).toEqual(bodies[i]);
    }
  });

  test('what is told ahead is read as ever, and what is missing is missing', async () => {
    const bodies = Array.from({ length: 300 }, (_, i) => Buffer.from(`object ${i}\n`));
    const ids = await writeAll(bodies);
    const end = await objects.expect?.([...ids, '1'.repeat(40)]);
    expect(Buffer.from((await objects.read(ids[7]!))!.body)).toEqual(bodies[7]);
    end?.();
    expect(Buffer.from((await objects.read(ids[299]!))!.body)).toEqual(bodies[299]);
    expect(await objects.read('1'.repeat(40))).toBeUndefined();
  });

  test('the same object twice in one session', async () => {
    const body = Buffer.from('twice\n');
    const [a, b] = await writeAll([body, body]);
    expect(a).toBe(b);
    expect(Buffer.from((await objects.read(a!))!.body)).toEqual(body);
  });

  test('prefixes lead to ids, as many as are asked for', async () => {
    const ids = await writeAll(Array.from({ length: 700 }, (_, i) => Buffer.from(`object ${i}`)));
    for (const id of ids.slice(0, 5)) {
      expect(await objects.resolve(id)).toEqual([id]);
      expect(await objects.resolve(id.slice(0, 12))).toEqual([id]);
      expect(await objects.resolve(id.slice(0, 5), 1000)).toContain(id);
    }
    const all = [...ids, EMPTY_TREE_ID];
    const shared = ids.map((id) => id.slice(0, 4)).find((p, i, list) => list.indexOf(p) !== i);
    if (shared !== undefined) {
      const expected = all.filter((id) => id.startsWith(shared)).sort();
      expect((await objects.resolve(shared, 100)).sort()).toEqual(expected);
      expect(await objects.resolve(shared, 1)).toHaveLength(1);
    }
  });

  describe('streams', () => {
    async function* pieces(body: Buffer, size: number): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
    }

    test.each([0, 1, 1000, MiB, 5 * MiB + 3])('%i bytes, size known and unknown', async (size) => {
      for (const body of [randomBytes(size), Buffer.alloc(size, 'compressible ')]) {
        for (const known of [size, undefined]) {
          const writer = objects.writer();
          const id = await writer.writeStream(pieces(body, 300_000), known);
          await writer.finish();
          expect(id).toBe(hashObject('blob', body));
          expect(await objects.header(id)).toEqual({ type: 'blob', size });
          expect((await readRange(id)).equals(body)).toBe(true);
          expect(Buffer.from((await objects.read(id))!.body).equals(body)).toBe(true);
        }
      }
    });

    test('of another size than said are refused, and the session goes on', async () => {
      const body = randomBytes(2 * MiB);
      const before = Buffer.from('before');
      const after = Buffer.from('after');
      const writer = objects.writer();
      const ids = [await writer.write('blob', before)];
      for (const size of [body.length - 1, body.length + 1, 0]) {
        await expect(writer.writeStream(pieces(body, 70_000), size)).rejects.toThrow(GitStoreError);
      }
      ids.push(await writer.writeStream(pieces(after, 2), after.length));
      await writer.finish();
      expect(await objects.has(hashObject('blob', body))).toBe(false);
      expect(await Promise.all(ids.map((id) => objects.has(id)))).toEqual([true, true]);
    });

    test('that fail leave the session as it was', async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield randomBytes(MiB);
        throw new Error('source failed');
      }
      const writer = objects.writer();
      await expect(writer.writeStream(failing(), 3 * MiB)).rejects.toThrow('source failed');
      await expect(writer.writeStream(failing())).rejects.toThrow('source failed');
      const id = await writer.write('blob', Buffer.from('goes on'));
      await writer.finish();
      expect(await objects.has(id)).toBe(true);
    });

    test('may be left before their end', async () => {
      const [id] = (await writeAll([randomBytes(4 * MiB)])) as [string];
      for (let i = 0; i < 20; i++) {
        for await (const chunk of (await objects.readStream(id))!) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      }
    });
  });

  test('nothing of an aborted session is there', async () => {
    const writer = objects.writer();
    const ids: string[] = [];
    for (let i = 0; i < 300; i++) ids.push(await writer.write('blob', Buffer.from(`dropped ${i}`)));
    ids.push(await writer.write('blob', randomBytes(3 * MiB)));
    await writer.abort();
    await writer.abort();
    for (const id of ids) expect(await objects.has(id)).toBe(false);
    await expect(writer.write('blob', Buffer.from('late'))).rejects.toThrow();
    await expect(writer.finish()).rejects.toThrow();
  });

  test('abort after finish takes nothing away', async () => {
    const writer = objects.writer();
    const id = await writer.write('blob', Buffer.from('kept'));
    await writer.finish();
    await writer.abort();
    expect(await objects.has(id)).toBe(true);
  });

  test('an empty session is fine', async () => {
    await objects.writer().finish();
  });

  test('sessions side by side do not disturb each other', async () => {
    const sessions = Array.from({ length: 4 }, (_, n) =>
      Array.from({ length: 200 }, (_, i) => Buffer.from(`session ${n % 3} object ${i}`)),
    );
    const ids = await Promise.all(sessions.map((bodies) => writeAll(bodies)));
    for (const [n, bodies] of sessions.entries()) {
      for (const [i, body] of bodies.entries()) {
        expect(Buffer.from((await objects.read(ids[n]![i]!))!.body)).toEqual(body);
      }
    }
  });

  test('any bytes survive', async () => {
    const body = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 8 }), async (bodies) => {
        const ids = await writeAll(bodies);
        for (const [i, id] of ids.entries()) {
          expect(Buffer.from((await objects.read(id))!.body).equals(bodies[i]!)).toBe(true);
        }
      }),
      { numRuns: runs(30) },
    );
  });
});
