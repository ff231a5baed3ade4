/** Whatever call of the system fails, in whatever work: the error is ours, one line, with a next step. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FS, GitStore, GitStoreError } from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';

const fault = {
  code: 'EIO',
  /** Calls until one fails; 0: none does. */
  countdown: 0,
  hit: false,
};

const names =
  'openSync readSync writeSync fsyncSync fstatSync readFileSync readdirSync statSync lstatSync readlinkSync realpathSync mkdirSync renameSync linkSync unlinkSync rmdirSync writeFileSync ftruncateSync symlinkSync utimesSync';
replaceCalls(names.split(' '), (call, name) => (...args) => {
  if (fault.countdown > 0 && --fault.countdown === 0) {
    fault.hit = true;
    throw systemError(name.replace('Sync', ''), args);
  }
  return call(...args);
});

/** As Node makes it. */
function systemError(syscall: string, args: unknown[]): Error {
  const { code } = fault;
  const [errno, [, text]] = [...getSystemErrorMap()].find(([, [name]]) => name === code)!;
  const path = typeof args[0] === 'number' ? undefined : String(args[0]);
  const at = path === undefined ? '' : ` '${path}'`;
  const details = { errno, code, syscall, ...(path !== undefined && { path }) };
  return Object.assign(new Error(`${code}: ${text}, ${syscall}${at}`), details);
}

const CODES = ['EACCES', 'ENOSPC', 'EMFILE', 'EIO', 'EROFS', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

interface Place {
  readonly folder: string;
  readonly store: GitStore;
  readonly fs: FS;
}

const WORK: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  open: async ({ folder }) =>
    (await GitStore.open(join(folder, 's.git'), { create: false })).close(),
  create: async ({ folder }) => (await GitStore.open(join(folder, 'new/n.git'))).close(),
  read: ({ fs }) => fs.readText('d/a'),
  stat: ({ fs }) => fs.stat('d'),
  walk: async ({ fs }) => {
    for await (const _ of fs.walk());
  },
  log: async ({ fs }) => {
    for await (const _ of fs.log());
  },
  write: ({ fs }) => fs.write('x', 'x'),
  'write a large one': ({ fs }) => fs.write('x', Buffer.alloc(3 << 20, 'x')),
  'write a local file': ({ fs, folder }) => fs.writeFromFile('x', join(folder, 'in/a')),
  remove: ({ fs }) => fs.remove('d/a'),
  undo: ({ fs }) => fs.undo(),
  branches: ({ store }) => store.branches.list(),
  'set a branch': ({ store, fs }) => store.branches.set('other', fs),
  'delete a branch': ({ store }) => store.branches.delete('dev'),
  tag: ({ store, fs }) => store.tags.set('v1', fs),
  note: ({ store, fs }) => store.notes.commits.set(fs.commitHash, 'text'),
  copyIn: ({ fs, folder }) => fs.copyIn(join(folder, 'in'), 'y'),
  copyOut: ({ fs, folder }) => fs.copyOut('d', join(folder, 'out')),
  archiveOut: ({ fs, folder }) => fs.archiveOut({ file: join(folder, 'x.tar') }),
  backup: ({ store, folder }) => store.backup(join(folder, 'b.git')),
  bundle: ({ store, folder }) => store.bundleExport(join(folder, 'b.bundle')),
  restore: ({ store, folder }) => store.restore(join(folder, 'from.git')),
  pack: ({ store }) => store.pack(),
  gc: ({ store }) => store.gc(),
  verify: ({ store }) => store.verify(),
};

let template: string;

beforeAll(async () => {
  template = join(scratchFolder(), 'template');
  mkdirSync(join(template, 'in'), { recursive: true });
  writeFileSync(join(template, 'in/a'), 'a');
  for (const name of ['s.git', 'from.git']) {
    const store = await GitStore.open(join(template, name));
    let fs = await store.branches.get('main');
    fs = await fs.write('d/a', name);
    fs = await fs.write('d/b', 'b');
    await store.branches.set('dev', fs);
    await store.close();
  }
});

function expectOurs(error: unknown, where: string): void {
  expect(error, `${where}: ${(error as Error).stack}`).toBeInstanceOf(GitStoreError);
  const { message, code } = error as GitStoreError;
  expect(code, where).toMatch(/^E[A-Z]+$/);
  expect(message, where).not.toMatch(/\n/);
  expect(message, where).not.toMatch(
    /\bE[A-Z]{2,}[:,]|, (?:open|l?stat|f?stat|read\w*|write|mkdir|rename|link|unlink|fsync)\b/,
  );
  expect(message, where).not.toContain('/proc/self/fd');
}

const isFull = process.env.GITSTORE_STRESS === '1';
/** Which call of the work fails. */
const TURNS = isFull ? Array.from({ length: 80 }, (_, i) => i + 1) : [1, 5, 13];

describe.each(Object.keys(WORK))('%s', (name) => {
  test('tells failures of the system in our words', async () => {
    let hits = 0;
    for (const [i, turn] of TURNS.entries()) {
      for (const code of isFull ? CODES : [CODES[(i + name.length) % CODES.length]!]) {
        const folder = join(scratchFolder(), 'x');
        cpSync(template, folder, { recursive: true });
        const store = await GitStore.open(join(folder, 's.git'), { durability: 'fast' });
        const fs = await store.branches.get('main');
        Object.assign(fault, { code, countdown: turn, hit: false });
        const error = await WORK[name]!({ folder, store, fs }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        fault.countdown = 0;
        if (fault.hit) hits++;
        await store.close();
        if (error !== undefined) expectOurs(error, `${name}, call ${turn}, ${code}`);
      }
    }
    expect(hits).toBeGreaterThan(0);
  });
});
