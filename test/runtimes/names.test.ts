/** Names where the file system calls answer as those of Bun and of Deno do. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { fromDisk, toDisk } from '../../src/git/pathBytes.ts';
import { GitStore } from '../../src/index.ts';
import { readEntriesSync } from '../../src/storage/disk/fs.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const runtime = vi.hoisted(() => ({ name: 'node', hasByteNames: true }));

vi.mock('../../src/runtime.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  get HAS_BYTE_NAMES() {
    return runtime.hasByteNames;
  },
}));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const answersOf = {
    node: real.readdirSync,
    // No types beside names that are bytes.
    bun: (path: string, options?: object) =>
      options !== undefined && 'encoding' in options
        ? real.readdirSync(path, { encoding: 'buffer' })
        : real.readdirSync(path, options),
    // Bytes of the text that it has made of the name.
    deno: (path: string, options?: { encoding?: string }) => {
      const names = real.readdirSync(path);
      return options?.encoding === 'buffer' ? names.map((name) => Buffer.from(name)) : names;
    },
  };
  const readdirSync = (path: string, options?: object) =>
    (answersOf[runtime.name as 'node'] as (...args: unknown[]) => unknown)(path, options);
  return { ...real, readdirSync };
});

beforeEach(() => {
  runtime.name = 'node';
  runtime.hasByteNames = true;
});

test('what is in a directory is told, also where names come without their kinds', () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'directory'));
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('directory', join(folder, 'link'));
  const kinds = () =>
    readEntriesSync(folder)
      .map((entry) => [entry.name, entry.isDirectory(), entry.isFile(), entry.isSymbolicLink()])
      .sort();
  const expected = [
    ['directory', true, false, false],
    ['file', false, true, false],
    ['link', false, false, true],
  ];
  expect(kinds()).toEqual(expected);
  runtime.name = 'bun';
  expect(kinds()).toEqual(expected);
});

describe('a runtime that knows no names but text', () => {
  const escaped = 'a\udcff';
  const wrong = expect.objectContaining({ code: 'EILSEQ' });

  test('neither reads nor writes a name that is none', () => {
    expect(toDisk(escaped)).toEqual(Buffer.from('a\xff', 'latin1'));
    runtime.hasByteNames = false;
    expect(() => toDisk(escaped)).toThrow(wrong);
    expect(() => fromDisk(Buffer.from('a\ufffd'))).toThrow(wrong);
    expect([toDisk('ä'), fromDisk('ä'), fromDisk(Buffer.from('ä'))]).toEqual(['ä', 'ä', 'ä']);
  });

  test.skipIf(process.platform !== 'linux')('deletes nothing that it cannot name', async () => {
    const folder = scratchFolder();
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'plain'), 'plain');
    writeFileSync(Buffer.from(join(source, 'a\xff'), 'latin1'), 'bytes');
    await using store = await GitStore.open(join(folder, 'store.git'), { durability: 'fast' });
    const stored = await (await store.branches.get('main')).syncIn(source, 'files');
    expect(await stored.ls('files')).toContain(escaped);

    runtime.name = 'deno';
    runtime.hasByteNames = false;
    await expect(stored.syncIn(source, 'files')).rejects.toThrow(
      /the name is not UTF-8; this program cannot name it: use Node or Bun, or rename it$/,
    );
    await expect(stored.copyOut(['files'], join(folder, 'out'))).rejects.toThrow(wrong);
    expect(await (await store.branches.get('main')).ls('files')).toContain(escaped);
  });
});
