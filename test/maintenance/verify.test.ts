import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMemoryStorage, GitStore, type VerifyReport } from '../../src/index.ts';
import { git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { looseStore } from './stores.ts';

async function verify(path: string): Promise<VerifyReport> {
  const store = await GitStore.open(path, { create: false, durability: 'fast' });
  try {
    return await store.verify();
  } finally {
    await store.close();
  }
}

function fsckFails(path: string): boolean {
  const args = ['--git-dir', path, 'fsck', '--strict', '--no-dangling'];
  return spawnSync('git', args, { env: gitEnvironment }).status !== 0;
}

/** A store of packed and loose objects, tags, refs loose and packed, reflogs and a commit-graph. */
async function variedStore(): Promise<string> {
  const { path, store } = await looseStore(15);
  git(path, 'tag', '-a', '-m', 'annotated', 'v1', 'main~3');
  git(path, 'gc', '-q');
  let fs = await store.fs('main');
  for (let i = 0; i < 3; i++) fs = await fs.writeText(`loose/${i}`, `loose ${i}`);
  await fs.undo();
  await store.close();
  return path;
}

function filesBelow(folder: string, path = ''): string[] {
  return readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
    const below = join(path, entry.name);
    return entry.isDirectory() ? filesBelow(folder, below) : [below];
  });
}

describe('verify', () => {
  test('a sound store has no fault, and everything was looked at', async () => {
    const path = await variedStore();
    const report = await verify(path);
    expect(report).toMatchObject({ ok: true, faults: [], packs: 1, refs: 2 });
    const count = git(path, 'cat-file', '--batch-check', '--batch-all-objects').split('\n').length;
    expect(report.objects).toBeGreaterThanOrEqual(count);
    expect(report.reflogEntries).toBeGreaterThan(15);
  });

  test('a store in memory', async () => {
    const store = await GitStore.over(createMemoryStorage());
    await (await store.fs('main')).writeText('a', 'b');
    expect(await store.verify()).toMatchObject({ ok: true, objects: 5, refs: 1 });
    await store.close();
  });

  test('what a commit-graph names is no commit only where it is known to be something else', async () => {
    const { path, store } = await looseStore(3);
    await store.close();
    git(path, 'commit-graph', 'write', '--reachable');
    const id = git(path, 'rev-parse', 'main').trim();
    const file = join(path, 'objects', id.slice(0, 2), id.slice(2));
    chmodSync(file, 0o644);
    writeFileSync(file, 'no zlib stream');
    const { faults } = await verify(path);
    expect(faults.map(({ subject }) => subject)).toEqual([`object ${id}`]);
  });

  test('damage anywhere is found where git fsck finds it, and nowhere else', async () => {
    const source = await variedStore();
    const candidates = filesBelow(source).filter((file) =>
      /^(objects\/(..|pack)\/|refs\/|logs\/|packed-refs|objects\/info\/commit-graph)/.test(
        file.replaceAll('\\', '/'),
      ),
    );
    let seed = 3;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return Math.floor((seed / 0x7fffffff) * below);
    };
    const disagree: string[] = [];
    const path = join(scratchFolder(), 'damaged.git');
    for (let round = 0; round < 40; round++) {
      rmSync(path, { recursive: true, force: true });
      cpSync(source, path, { recursive: true });
      const file = candidates[random(candidates.length)]!;
      const target = join(path, file);
      chmodSync(target, 0o644);
      const bytes = readFileSync(target);
      const way = ['flip', 'flip', 'flip', 'cut', 'remove', 'append'][random(6)]!;
      const at = random(bytes.length);
      if (way === 'flip') {
        bytes[at]! ^= 1 << random(8);
        writeFileSync(target, bytes);
      } else if (way === 'cut') truncateSync(target, at);
      else if (way === 'remove') rmSync(target);
      else appendFileSync(target, 'behind the end');
      const ours = !(await verify(path)).ok;
      if (ours !== fsckFails(path)) disagree.push(`${file} ${way} at ${at}: ours ${ours}`);
    }
    expect(disagree).toEqual([]);
  });

  const id = 'a'.repeat(40);
  const who = 'A <a@b> 1700000000 +0000';
  const entry = (mode: string, name: string, blob: string): Buffer =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(blob, 'hex')]);

  const broken: [what: string, type: string, body: (ids: Ids) => Buffer | string][] = [
    ['an entry named .git', 'tree', ({ blob }) => entry('100644', '.git', blob)],
    ['an entry named .GIT', 'tree', ({ blob }) => entry('100644', '.GIT', blob)],
    ['an entry named git~1', 'tree', ({ blob }) => entry('100644', 'git~1', blob)],
    ['an entry named ..', 'tree', ({ blob }) => entry('100644', '..', blob)],
    ['an entry with a slash', 'tree', ({ blob }) => entry('100644', 'a/b', blob)],
    ['an empty name', 'tree', ({ blob }) => entry('100644', '', blob)],
    ['a mode with a zero before it', 'tree', ({ blob }) => entry('0100644', 'a', blob)],
    ['no mode', 'tree', ({ blob }) => entry('', 'a', blob)],
    [
      'a directory with permissions out of order',
      'tree',
      ({ blob, tree }) => Buffer.concat([entry('40755', 'a', tree), entry('100644', 'a.b', blob)]),
    ],
    ['an id of zeros', 'tree', () => entry('100644', 'a', '0'.repeat(40))],
    [
      'entries out of order',
      'tree',
      ({ blob }) => Buffer.concat([entry('100644', 'b', blob), entry('100644', 'a', blob)]),
    ],
    [
      'an entry twice',
      'tree',
      ({ blob }) => Buffer.concat([entry('100644', 'a', blob), entry('100755', 'a', blob)]),
    ],
    [
      'a file and a directory of one name, another between them',
      'tree',
      ({ blob, tree }) =>
        Buffer.concat([
          entry('100644', 'a', blob),
          entry('100644', 'a.b', blob),
          entry('40000', 'a', tree),
        ]),
    ],
    ['a tree that is cut off', 'tree', () => Buffer.from('100644 a\0short')],
    ['.gitmodules as a link', 'tree', ({ blob }) => entry('120000', '.gitmodules', blob)],
    ['a tree for a blob', 'tree', ({ tree }) => entry('100644', 'a', tree)],
    ['a missing blob', 'tree', () => entry('100644', 'a', id)],
    ['a commit without author', 'commit', ({ tree }) => `tree ${tree}\ncommitter ${who}\n\nx\n`],
    ['a commit without committer', 'commit', ({ tree }) => `tree ${tree}\nauthor ${who}\n\nx\n`],
    [
      'two authors',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor ${who}\nauthor ${who}\ncommitter ${who}\n\nx\n`,
    ],
    [
      'a NUL in the message',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nx\0y\n`,
    ],
    [
      'a date with leading zeros',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor A <a@b> 012 +0000\ncommitter ${who}\n\nx\n`,
    ],
    [
      'no mail address',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor A 12 +0000\ncommitter ${who}\n\nx\n`,
    ],
    [
      'no name',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor <a@b> 12 +0000\ncommitter ${who}\n\nx\n`,
    ],
    [
      'a zone of three digits',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor A <a@b> 12 +000\ncommitter ${who}\n\nx\n`,
    ],
    [
      'a missing parent',
      'commit',
      ({ tree }) => `tree ${tree}\nparent ${id}\nauthor ${who}\ncommitter ${who}\n\nx\n`,
    ],
    [
      'a blob as the tree',
      'commit',
      ({ blob }) => `tree ${blob}\nauthor ${who}\ncommitter ${who}\n\nx\n`,
    ],
    ['a tag of nothing', 'tag', () => `type commit\ntag x\ntagger ${who}\n\nx\n`],
    ['a tag of no known type', 'tag', ({ commit }) => `object ${commit}\ntype thing\ntag x\n\nx\n`],
    [
      'a tag without name',
      'tag',
      ({ commit }) => `object ${commit}\ntype commit\ntagger ${who}\n\nx\n`,
    ],
    ['a tag of the wrong type', 'tag', ({ blob }) => `object ${blob}\ntype commit\ntag x\n\nx\n`],
  ];
  /** What Git only warns of. */
  const harmless: typeof broken = [
    ['a mode of old', 'tree', ({ blob }) => entry('100664', 'a', blob)],
    ['a tag without tagger', 'tag', ({ commit }) => `object ${commit}\ntype commit\ntag x\n\nx\n`],
    [
      'an empty message',
      'commit',
      ({ tree }) => `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\n`,
    ],
    [
      'a signature',
      'commit',
      ({ tree }) =>
        `tree ${tree}\nauthor ${who}\ncommitter ${who}\ngpgsig -----BEGIN\n a\n -----END\n\nx\n`,
    ],
    ['a submodule that is elsewhere', 'tree', () => entry('160000', 'sub', id)],
  ];
  interface Ids {
    blob: string;
    tree: string;
    commit: string;
  }

  test('objects that break the rules are found as git fsck finds them', async () => {
    const { path, store } = await looseStore(1);
    await store.close();
    const ids = {
      blob: git(path, 'rev-parse', 'main:other/0.txt'),
      tree: git(path, 'rev-parse', 'main^{tree}'),
      commit: git(path, 'rev-parse', 'main'),
    };
    const outcome: Record<string, [ours: boolean, git: boolean]> = {};
    const expected: typeof outcome = {};
    for (const [list, isFault] of [
      [broken, true],
      [harmless, false],
    ] as const) {
      for (const [what, type, body] of list) {
        const bytes = body(ids);
        const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
        const made = gitBytes(
          path,
          ['hash-object', '-t', type, '--literally', '-w', '--stdin'],
          data,
        )
          .toString()
          .trim();
        // Under refs/tags, so that it is reachable.
        writeFileSync(join(path, 'refs/tags/odd'), `${made}\n`);
        outcome[what] = [!(await verify(path)).ok, fsckFails(path)];
        expected[what] = [isFault, isFault];
        rmSync(join(path, 'objects', made.slice(0, 2), made.slice(2)));
        rmSync(join(path, 'refs/tags/odd'));
      }
    }
    expect(outcome).toEqual(expected);
    expect((await verify(path)).faults).toEqual([]);
  }, 120_000);

  test('dangerous .gitmodules are found', async () => {
    const { path, store } = await looseStore(1);
    const text = '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n';
    await (await store.fs('main')).writeText('.gitmodules', text);
    await store.close();
    expect(fsckFails(path)).toBe(true);
    expect((await verify(path)).faults).toMatchObject([
      { problem: '.gitmodules: a submodule has a forbidden URL' },
    ]);
  });

  test('refs and reflog lines that name what is missing', async () => {
    const { path, store } = await looseStore(1);
    await store.close();
    writeFileSync(join(path, 'refs/heads/lost'), `${id}\n`);
    writeFileSync(join(path, 'refs/heads/odd'), 'no id\n');
    git(path, 'update-ref', 'refs/heads/blob', git(path, 'rev-parse', 'main'));
    writeFileSync(join(path, 'refs/heads/blob'), `${git(path, 'rev-parse', 'main:other/0.txt')}\n`);
    appendFileSync(join(path, 'logs/refs/heads/main'), `${id} ${id} ${who}\tx\n`);
    const { faults } = await verify(path);
    expect(faults.map(({ subject, problem }) => `${subject}: ${problem}`).sort()).toEqual([
      `logs/refs/heads/main: line 3 names ${id}, which is missing`,
      expect.stringMatching(/^refs\/heads\/blob: names [0-9a-f]{40}, which is not a commit$/),
      `refs/heads/lost: names ${id}, which is missing`,
      'refs/heads/odd: cannot be read: it names no object',
    ]);
    expect(fsckFails(path)).toBe(true);
  });

  test('symbolic refs that lead nowhere', async () => {
    const { path, store } = await looseStore(1);
    await store.close();
    git(path, 'symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
    expect((await verify(path)).ok).toBe(true);
    git(path, 'symbolic-ref', 'refs/heads/astray', 'refs/heads/none');
    expect(fsckFails(path)).toBe(true);
    expect((await verify(path)).faults).toEqual([
      {
        subject: 'refs/heads/astray',
        problem: 'cannot be read: it leads to refs/heads/none, which does not exist',
      },
    ]);
    git(path, 'symbolic-ref', 'refs/heads/astray', 'refs/heads/circle');
    git(path, 'symbolic-ref', 'refs/heads/circle', 'refs/heads/astray');
    expect(fsckFails(path)).toBe(true);
    expect((await verify(path)).faults.map(({ subject }) => subject).sort()).toEqual([
      'refs/heads/astray',
      'refs/heads/circle',
    ]);
  });

  test('garbage may refer to what is gone', async () => {
    const { path, store } = await looseStore(1);
    await store.close();
    gitBytes(path, ['mktree', '--missing'], Buffer.from(`100644 blob ${id}\tf\n`));
    expect(fsckFails(path)).toBe(false);
    expect((await verify(path)).ok).toBe(true);
  });

  test('a multi-pack-index that names another place', async () => {
    const { path, store } = await looseStore(4);
    await store.pack();
    await store.close();
    git(path, 'multi-pack-index', 'write');
    expect((await verify(path)).ok).toBe(true);
    const file = join(path, 'objects/pack/multi-pack-index');
    const bytes = readFileSync(file);
    bytes[bytes.length - 22]! ^= 1;
    rmSync(file);
    writeFileSync(file, bytes);
    expect((await verify(path)).faults[0]).toMatchObject({ subject: 'multi-pack-index' });
  });

  test('a signal stops it', async () => {
    const { store } = await looseStore(3);
    await expect(store.verify({ signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    await store.close();
  });
});
