/** Reading many files of a bare store at a time, as with `Promise.all`. */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { codeOf } from './model.ts';
import { currentOf, steadyOptions } from './stores.ts';

const COUNT = 400;

/** Of all sizes up to 3 MB, and not too easy to deflate. */
function contentOf(i: number): Buffer {
  const size = i % 97 === 0 ? 1_000_000 + i * 5000 : (i * 7919) % (i % 3 === 0 ? 90_000 : 3000);
  const line = Buffer.from(`${i}: ${(i * 2654435761) % 1000003} `);
  return Buffer.alloc(size, line.length === 0 ? 'x' : line);
}

const pathOf = (i: number): string => `d${i % 17}/f${i}`;

/** The numbers in an order that has nothing to do with that of the pack. */
const shuffled = [...Array(COUNT).keys()].sort((a, b) => ((a * 7919) % 401) - ((b * 7919) % 401));

function packOf(store: GitStore): string {
  const folder = join(store.path, 'objects', 'pack');
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.pack'))!);
}

function expectContents(found: readonly Uint8Array[], numbers: readonly number[]): void {
  const wrong = numbers.filter((number, i) => !contentOf(number).equals(found[i]!));
  expect({ count: found.length, wrong }).toEqual({ count: numbers.length, wrong: [] });
}

describe('reading many files at a time', () => {
  let store: GitStore;
  let fs: FS;

  async function open(): Promise<void> {
    store = await GitStore.open(store.path, { create: false });
    fs = await currentOf(store);
  }

  beforeEach(async () => {
    const path = join(scratchFolder(), 'store.git');
    store = await GitStore.open(path, { ...steadyOptions(), durability: 'fast' });
    const writes = Object.fromEntries(
      [...Array(COUNT).keys()].map((i) => [pathOf(i), contentOf(i)]),
    );
    await (await currentOf(store)).apply({ writes });
    await store.close();
    // So that only some are deltas.
    git(path, '-c', 'core.bigFileThreshold=20k', 'repack', '-q', '-a', '-d', '-f');
    await open();
  });
  afterEach(() => store.close());

  it('gives each its own bytes, in one go, in portions, and beside each other', async () => {
    expectContents(await Promise.all(shuffled.map((i) => fs.read(pathOf(i)))), shuffled);
    const found: Uint8Array[] = [];
    for (let at = 0; at < COUNT; at += 50) {
      const portion = shuffled.slice(at, at + 50);
      found.push(...(await Promise.all(portion.map((i) => fs.read(pathOf(i))))));
    }
    expectContents(found, shuffled);
    const byNumber: Uint8Array[] = [];
    const rest = shuffled.values();
    const reader = async (): Promise<void> => {
      for (const i of rest) byNumber[i] = await fs.read(pathOf(i));
    };
    await Promise.all(Array.from({ length: 20 }, reader));
    expectContents(byNumber, [...byNumber.keys()]);
    const texts = await Promise.all(shuffled.map((i) => fs.readText(pathOf(i), 'latin1')));
    expectContents(
      texts.map((text) => Buffer.from(text, 'latin1')),
      shuffled,
    );
  });

  it('gives bytes that are the caller’s own', async () => {
    const first = await Promise.all(shuffled.map((i) => fs.read(pathOf(i))));
    for (const bytes of first)
      structuredClone(bytes.fill(0), { transfer: [bytes.buffer as ArrayBuffer] });
    expectContents(await Promise.all(shuffled.map((i) => fs.read(pathOf(i)))), shuffled);
  });

  it('fails only where a file is missing', async () => {
    const paths = shuffled.map((i) => (i % 10 === 3 ? `${pathOf(i)}/no` : pathOf(i)));
    paths.push('d1', 'nothing');
    const codes = await Promise.all(paths.map((path) => codeOf(fs.read(path))));
    expect(codes.splice(COUNT)).toEqual(['EISDIR', 'ENOENT']);
    expect(codes).toEqual(shuffled.map((i) => (i % 10 === 3 ? 'ENOTDIR' : undefined)));
  });

  it('fails for what is damaged, as reading it alone does', async () => {
    const path = packOf(store);
    await store.close();
    const bytes = readFileSync(path);
    for (let at = 5000; at < bytes.length - 5000; at += 4001) bytes[at]! ^= 0x55;
    chmodSync(path, 0o644);
    writeFileSync(path, bytes);
    await open();
    const blobs = async (reads: (i: number) => Promise<unknown>) =>
      Promise.all(shuffled.map((i) => reads(i)));
    const together = await blobs((i) => codeOf(fs.read(pathOf(i))));
    const alone: unknown[] = [];
    for (const i of shuffled) alone.push(await codeOf(fs.read(pathOf(i))));
    expect(together).toEqual(alone);
    expect(new Set(together)).toEqual(new Set(['ECORRUPT', undefined]));
    for (const [at, code] of together.entries()) {
      if (code !== undefined) continue;
      const i = shuffled[at]!;
      expectContents([await fs.read(pathOf(i))], [i]);
    }
  });

  it('finds what Git moves to another pack meanwhile', async () => {
    // Proves the index, without which nothing is read on other threads.
    for (const i of shuffled.slice(0, 50)) await fs.read(pathOf(i));
    const before = packOf(store);
    const reads = shuffled.map((i) => fs.read(pathOf(i)));
    git(store.path, 'repack', '-q', '-a', '-d', '-F', '--depth=5');
    expect(existsSync(before)).toBe(false);
    expectContents(await Promise.all(reads), shuffled);
    expectContents(await Promise.all(shuffled.map((i) => fs.read(pathOf(i)))), shuffled);
  });

  it('ends in order when the store is closed meanwhile', async () => {
    for (const i of shuffled.slice(0, 50)) await fs.read(pathOf(i));
    const reads = Promise.allSettled(shuffled.map((i) => fs.read(pathOf(i))));
    await store.close();
    for (const [at, result] of (await reads).entries()) {
      if (result.status === 'fulfilled') expectContents([result.value], [shuffled[at]!]);
      else expect(result.reason.code).toBe('ECLOSED');
    }
  });
});
