/** The native module: its binary is found without the package's own search, and does what it should. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nativeFiles } from '../../src/storage/disk/nativeFiles.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const native = nativeFiles();

test.skipIf(native === null)('a lock is had once, and again after it was given back', () => {
  const file = join(scratchFolder(), 'lock');
  const fds = [openSync(file, 'w+'), openSync(file, 'w+')] as const;
  expect(native!.tryLock(fds[0])).toBe(true);
  expect(native!.tryLock(fds[1])).toBe(false);
  native!.unlock(fds[0]);
  expect(native!.tryLock(fds[1])).toBe(true);
  for (const fd of fds) closeSync(fd);
});

test.skipIf(native === null)('two files change places, or it is an error with a code', () => {
  const folder = scratchFolder();
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  writeFileSync(a, 'a');
  writeFileSync(b, 'b');
  native!.swapSync(a, b);
  expect([readFileSync(a, 'utf8'), readFileSync(b, 'utf8')]).toEqual(['b', 'a']);
  expect(() => native!.swapSync(a, join(folder, 'missing'))).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  );
});

test.skipIf(native === null)('its package has not searched for it', () => {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  expect(loaded.filter((file) => file.includes('require-addon'))).toEqual([]);
});
