/**
 * Names and files that a store or a folder can hold to do harm or to get lost: they are refused,
 * skipped with a word, or survive a round trip, and nothing outside the destination is touched.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, type Program } from '../helpers/build.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { runProgram } from '../helpers/hosts.ts';
import type { Finished, RunOptions } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let program: Program;
let folder: string;
let store: string;

beforeAll(async () => {
  program = await buildProgram();
});

beforeEach(async () => {
  folder = scratchFolder();
  store = join(folder, 'store.git');
  expect(await gitstore(['init'])).toMatchObject({ code: 0 });
});

describe('trees that no honest program writes, copied out', () => {
  /** A name in the root tree, and the type of entry that stands there. */
  const hostile: { name: string; type: 'file' | 'directory' }[] = [
    { name: '..', type: 'directory' },
    { name: '.', type: 'directory' },
    { name: '../escaped', type: 'file' },
    { name: 'a/../../escaped', type: 'file' },
    { name: '/tmp/gitstore-escaped', type: 'file' },
    { name: '.git', type: 'directory' },
    { name: '.git', type: 'file' },
    { name: '.GIT', type: 'directory' },
    { name: '.Git', type: 'file' },
    { name: 'GIT~1', type: 'directory' },
  ];

  test.each(hostile)('a $type named $name', async ({ name, type }) => {
    const blob = hashObject('blob', Buffer.from('harm\n'));
    const inner = tree([{ mode: '100644', name: 'escaped', id: blob }]);
    const entry =
      type === 'file' ? { mode: '100644', name, id: blob } : { mode: '40000', name, id: inner };
    commit(tree([entry, { mode: '100644', name: 'honest', id: blob }]));
    const before = listing(folder);
    const out = join(folder, 'out');
    mkdirSync(out);

    expectOrderly(await gitstore(['cp', ':/', out]));
    expectOrderly(await gitstore(['ls', '-R']));
    expectOrderly(await gitstore(['cat', name]));

    expect(existsSync('/tmp/gitstore-escaped')).toBe(false);
    expect(listing(folder).filter((path) => !path.startsWith('out'))).toEqual(before);
    expect(listing(out).filter((path) => path !== 'honest')).toEqual([]);
  });

  test('a link and a directory of the same name', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    const target = hashObject('blob', Buffer.from(outside));
    const blob = hashObject('blob', Buffer.from('harm\n'));
    const inner = tree([{ mode: '100644', name: 'escaped', id: blob }]);
    commit(
      tree([
        { mode: '120000', name: 'same', id: target },
        { mode: '40000', name: 'same', id: inner },
      ]),
    );
    const out = join(folder, 'out');
    mkdirSync(out);
    expectOrderly(await gitstore(['cp', ':/', out]));
    expect(readdirSync(outside)).toEqual([]);
  });
});

describe('links', () => {
  test('one that stands in the destination is replaced, not followed', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'kept'), 'kept\n');
    await write('sub/file', 'from the store\n');
    await write('kept', 'from the store\n');
    const out = join(folder, 'out');
    mkdirSync(out);
    symlinkSync(outside, join(out, 'sub'));
    symlinkSync(join(outside, 'kept'), join(out, 'kept'));

    expect(await gitstore(['cp', ':/', out])).toMatchObject({ code: 0 });

    expect(readdirSync(outside)).toEqual(['kept']);
    expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept\n');
    expect(lstatSync(join(out, 'sub')).isDirectory()).toBe(true);
    expect(readFileSync(join(out, 'sub/file'), 'utf8')).toBe('from the store\n');
    expect(lstatSync(join(out, 'kept')).isFile()).toBe(true);
  });

  test('absolute, upward and dangling ones survive a round trip as they are written', async () => {
    const source = join(folder, 'source');
    mkdirSync(source);
    const targets = {
      absolute: '/etc/passwd',
      upward: '../../..',
      dangling: 'nowhere',
      self: 'self',
    };
    for (const [name, target] of Object.entries(targets)) symlinkSync(target, join(source, name));
    expect(await gitstore(['cp', `${source}/`, ':'])).toMatchObject({ code: 0 });
    expectClean(store);
    const out = join(folder, 'out');
    expect(await gitstore(['cp', ':/', out])).toMatchObject({ code: 0 });
    for (const [name, target] of Object.entries(targets)) {
      expect(readlinkSync(join(out, name))).toBe(target);
    }
  });
});

describe('folders with awkward files, copied in', () => {
  test.each(['.git', '.GIT', '.gIt', 'git~1'])(
    'a folder %s is skipped with a warning',
    async (name) => {
      const source = join(folder, 'source');
      mkdirSync(join(source, 'sub', name), { recursive: true });
      writeFileSync(join(source, 'sub', name, 'config'), 'harm\n');
      writeFileSync(join(source, 'sub', 'honest'), 'honest\n');
      const end = await gitstore(['cp', source, ':']);
      expect(end, end.stderr).toMatchObject({ code: 0 });
      expect(end.stderr).toContain(name);
      expectClean(store);
      expect(names()).toEqual(['source/sub/honest']);
    },
  );

  test.each(['.git/config', 'sub/.GIT', '../escaped', 'a/../../b'])(
    'an explicit write to %s is refused',
    async (path) => {
      const tip = git(store, 'rev-parse', 'main');
      const end = await gitstore(['write', path], { input: 'harm\n' });
      expect(end.code).toBe(1);
      expectOrderly(end);
      expect(git(store, 'rev-parse', 'main')).toBe(tip);
    },
  );

  test('FIFOs and sockets are passed over, the rest is stored', { timeout: 30_000 }, async ({
    skip,
  }) => {
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'honest'), 'honest\n');
    if (spawnSync('mkfifo', [join(source, 'fifo')]).status !== 0) skip('no mkfifo here');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(source, 'socket'), resolve));
    try {
      const end = await gitstore(['cp', `${source}/`, ':'], { timeout: 10_000 });
      expect(end, end.stderr).toMatchObject({ code: 0, signal: null });
      expect(end.stderr).toContain('fifo');
      expect(end.stderr).toContain('socket');
      expect(names()).toEqual(['honest']);
      // Named by the user, it cannot be passed over.
      const named = await gitstore(['cp', join(source, 'fifo'), ':'], { timeout: 10_000 });
      expect(named, named.stderr).toMatchObject({ code: 1, signal: null });
    } finally {
      server.close();
    }
  });

  test('long, non-UTF-8 and empty survive a round trip', async ({ skip }) => {
    const source = Buffer.from(join(folder, 'source/'));
    mkdirSync(source);
    const bodies: [Buffer, string][] = [
      [Buffer.from('n'.repeat(255)), 'a name of 255 bytes'],
      [Buffer.from('empty'), ''],
      [Buffer.from([0x6c, 0x61, 0x74, 0x69, 0x6e, 0xe9]), 'a name in Latin-1'],
      [Buffer.from([0xff, 0xfe, 0x80]), 'a name that is no text'],
      [Buffer.from('größe-ファイル'), 'a name in UTF-8'],
      [Buffer.from('line\nbreak'), 'a name with a line break'],
      [Buffer.from('colon:name'), 'a name with a colon'],
      [Buffer.from('*star?'), 'a name that is a pattern'],
      [Buffer.from('-dash'), 'a name that looks like an option'],
    ];
    try {
      for (const [name, body] of bodies) writeFileSync(Buffer.concat([source, name]), body);
    } catch {
      skip('the file system here does not take such names');
    }
    mkdirSync(Buffer.concat([source, Buffer.from('empty-folder')]));

    const end = await gitstore(['cp', source.toString(), ':']);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expectClean(store);
    const stored = gitBytes(store, ['ls-tree', '-z', '--name-only', 'main']).toString('latin1');
    const latin1 = bodies.map(([name]) => name.toString('latin1'));
    expect(stored.split('\0').slice(0, -1).sort()).toEqual([...latin1].sort());

    const out = join(folder, 'out');
    expect(await gitstore(['cp', ':/', out])).toMatchObject({ code: 0 });
    for (const [name, body] of bodies) {
      const file = Buffer.concat([Buffer.from(`${out}/`), name]);
      expect(readFileSync(file, 'utf8')).toBe(body);
    }
    expect(readdirSync(out)).toHaveLength(bodies.length);
  });

  test('names that differ only in case are two files where the disk has two', async ({ skip }) => {
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'name'), 'lower\n');
    writeFileSync(join(source, 'NAME'), 'upper\n');
    if (readdirSync(source).length !== 2) skip('the file system here ignores case');
    expect(await gitstore(['cp', `${source}/`, ':'])).toMatchObject({ code: 0 });
    expect(names()).toEqual(['NAME', 'name']);
    const out = join(folder, 'out');
    expect(await gitstore(['cp', ':/', out])).toMatchObject({ code: 0 });
    expect(readFileSync(join(out, 'name'), 'utf8')).toBe('lower\n');
    expect(readFileSync(join(out, 'NAME'), 'utf8')).toBe('upper\n');
  });
});

/** It ended by itself, said what went wrong in whole lines, and showed no stack. */
function expectOrderly(end: Finished): void {
  expect(end.signal).toBeNull();
  expect([0, 1]).toContain(end.code);
  expect(end.stderr).not.toMatch(/^\s+at /m);
  if (end.code === 1) expect(end.stderr).toMatch(/^Error: .+$/m);
}

function hashObject(type: string, body: Uint8Array): string {
  const args = ['hash-object', '-w', '--literally', '-t', type, '--stdin'];
  return gitBytes(store, args, body).toString().trim();
}

function tree(entries: { mode: string; name: string; id: string }[]): string {
  const parts = entries.flatMap(({ mode, name, id }) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(id, 'hex'),
  ]);
  return hashObject('tree', Buffer.concat(parts));
}

function commit(treeId: string): void {
  const id = git(store, 'commit-tree', treeId, '-p', 'main', '-m', 'hostile');
  git(store, 'update-ref', 'refs/heads/main', id);
}

/** All paths below a folder but those of the store itself. */
function listing(top: string): string[] {
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('store.git'))
    .sort();
}

function names(): string[] {
  return git(store, 'ls-tree', '-r', '--name-only', 'main').split('\n').filter(Boolean);
}

async function write(path: string, text: string): Promise<void> {
  expect(await gitstore(['write', path], { input: text })).toMatchObject({ code: 0 });
}

async function gitstore(args: string[], options?: RunOptions): Promise<Finished> {
  return await runProgram(program.cli, ['-r', store, ...args], options);
}
