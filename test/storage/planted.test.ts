/** A store from someone else: what lies in it changes nothing outside of it. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createRepository } from '../../src/storage/bare/create.ts';
import { formatLockRecord } from '../../src/storage/bare/locks/lockRecord.ts';
import { BareRefs } from '../../src/storage/bare/refs/refs.ts';
import { runs } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const MAIN = 'refs/heads/main';
const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

let store: string;
let outside: string;

beforeEach(async () => {
  const folder = scratchFolder();
  store = join(folder, 'store.git');
  outside = join(folder, 'outside');
  writeFileSync(outside, 'precious\n');
  await createRepository(store, { durability: 'fast' });
});

async function change(next: string): Promise<void> {
  const refs = new BareRefs(store, { durability: 'fast', lockTimeout: 500 });
  try {
    await refs.update([{ ref: MAIN, new: next }]);
  } finally {
    refs.close();
  }
}

test.each(['gitstore/ref-0', `logs/${MAIN}`, 'logs/HEAD'])('a link at %s', async (name) => {
  mkdirSync(dirname(join(store, name)), { recursive: true });
  symlinkSync(outside, join(store, name));
  await change(A);
  expect(readFileSync(outside, 'utf8')).toBe('precious\n');
  expect(readFileSync(join(store, MAIN), 'utf8')).toBe(`${A}\n`);
});

test.each(['gitstore.lock', 'gitstore'])('a link at %s is refused', async (name) => {
  const real = join(dirname(store), 'elsewhere');
  if (existsSync(join(store, name))) renameSync(join(store, name), real);
  else writeFileSync(real, 'precious\n');
  symlinkSync(real, join(store, name));
  await expect(change(A)).rejects.toThrow('Not written through a link');
  if (name !== 'gitstore') expect(readFileSync(real, 'utf8')).toBe('precious\n');
});

describe('a record in gitstore.lock', () => {
  const moves = (ref: string) => [{ ref, old: null, new: B }];
  const lock = () => join(store, 'gitstore.lock');

  /** Puts a record there as its maker would, bound to the file that is there. */
  function plant(ref: string, file?: bigint): void {
    writeFileSync(lock(), '');
    const { ino } = statSync(lock(), { bigint: true });
    writeFileSync(lock(), formatLockRecord([`${ref}.lock`], moves(ref), file ?? ino));
  }

  test('of random text changes nothing but refs', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const config = readFileSync(join(store, 'config'), 'utf8');
    const word = fc.oneof(
      fc.constantFrom('lock', 'move', 'sum', '../outside', 'config', 'HEAD', 'packed-refs'),
      fc.constantFrom(MAIN, 'refs/heads/x', 'refs/../config', 'refs/heads/../../config', '/etc/x'),
      fc.constantFrom('refs/heads/x.lock', 'config.lock', '../outside.lock', A, B, '0'.repeat(40)),
      fc.string({ maxLength: 8 }),
    );
    const line = fc.array(word, { maxLength: 4 }).map((words) => words.join(' '));
    const record = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));
    await fc.assert(
      fc.asyncProperty(record, fc.boolean(), async (text, isBound) => {
        writeFileSync(lock(), '');
        const { ino } = statSync(lock(), { bigint: true });
        const body = `gitstore lock\n1 2026-01-01T00:00:00.000Z x\n${text}\n`;
        const sum = createHash('sha1').update(body).digest('hex');
        writeFileSync(lock(), isBound ? `${body}sum ${ino} ${sum}\n\n` : `${body}\n\n`);
        await change(A);
        await change(B);
        expect(readFileSync(outside, 'utf8')).toBe('precious\n');
        expect(readFileSync(join(store, 'config'), 'utf8')).toBe(config);
        expect(readFileSync(join(store, 'HEAD'), 'utf8')).toBe(`ref: ${MAIN}\n`);
        expect(readdirSync(dirname(store)).sort()).toEqual(['outside', 'store.git']);
      }),
      { numRuns: runs(300) },
    );
    warn.mockRestore();
  });

  test.each(['../outside', 'config', '', 'refs/../../outside', 'HEAD'])(
    'with a move of "%s" moves nothing',
    async (ref) => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const config = readFileSync(join(store, 'config'), 'utf8');
      plant(ref);
      await change(A);
      await change(B);
      expect(readFileSync(outside, 'utf8')).toBe('precious\n');
      expect(readFileSync(join(store, 'config'), 'utf8')).toBe(config);
      expect(warn).toHaveBeenCalledTimes(1);
      warn.mockRestore();
    },
  );

  test('of another store is not completed, of this one it is', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    plant('refs/heads/foreign', 1n);
    await change(A);
    expect(existsSync(join(store, 'refs/heads/foreign'))).toBe(false);
    plant('refs/heads/own');
    await change(B);
    expect(readFileSync(join(store, 'refs/heads/own'), 'utf8')).toBe(`${B}\n`);
    warn.mockRestore();
  });
});
