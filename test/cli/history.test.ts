/** log, hash, diff, cmp, reflog, undo and redo, and the filters that choose a snapshot. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { commitsOf, expectClean, git, gitBytes } from '../helpers/git.ts';
import { Place } from './program.ts';

const place = new Place();
const { repo } = place;

const DAY = 24 * 3600;
/** 2024-05-30T12:00:00Z; commits follow a day apart. */
const NOON = Date.UTC(2024, 4, 30, 12) / 1000;

/** main: Initialize, Begin, Fix a, Deploy 1 (tag v1), Fix b; dev: from v1, Dev. */
beforeAll(async () => {
  let day = -1;
  const store = await GitStore.open(repo, {
    durability: 'fast',
    timezoneOffset: 120,
    author: 'Ada',
    email: 'ada@example.org',
    now: () => (NOON + day * DAY) * 1000,
  });
  let main = await store.branches.get('main');
  const commit = async (writes: Record<string, string>, message: string): Promise<void> => {
    day += 1;
    main = await main.apply({ writes, message });
  };
  await commit({ a: '1', 'docs/x': '1' }, 'Begin');
  await commit({ a: '2' }, 'Fix a');
  await commit({ 'docs/x': '2' }, 'Deploy 1\n\nlonger');
  await store.tags.set('v1', main);
  const dev = await store.branches.set('dev', main);
  await commit({ b: '1' }, 'Fix b');
  await dev.apply({ writes: { a: 'dev' }, message: 'Dev' });
  await store.close();
});

async function subjects(...args: string[]): Promise<string[]> {
  const lines = (await place.ok('log', ...args)).trimEnd().split('\n');
  return lines.map((line) => line.split('  ').slice(2).join('  '));
}

describe('log', () => {
  it('is a line a commit: hash, time, first line', async () => {
    const hash = git(repo, 'rev-parse', '--short=7', 'v1');
    const lines = (await place.ok('log')).split('\n');
    expect(lines[1]).toBe(`${hash}  2024-06-01T14:00:00+02:00  Deploy 1`);
    expect(lines.map((line) => line.split('  ')[2])).toEqual([
      ...['Fix b', 'Deploy 1', 'Fix a', 'Begin', 'Initialize main', undefined],
    ]);
  });

  it.each([
    [['dev'], ['Dev', 'Deploy 1', 'Fix a', 'Begin', 'Initialize main']],
    [['~3'], ['Begin', 'Initialize main']],
    [['main~3'], ['Begin', 'Initialize main']],
    [[':a'], ['Fix a', 'Begin']],
    [['dev:a'], ['Dev', 'Fix a', 'Begin']],
    [
      ['--path', 'docs'],
      ['Deploy 1', 'Begin'],
    ],
    [
      ['--match', 'Fix*'],
      ['Fix b', 'Fix a'],
    ],
    [['--match', 'Fix*', '--path', 'a'], ['Fix a']],
    [
      ['--ref', 'v1', '--back', '1'],
      ['Fix a', 'Begin', 'Initialize main'],
    ],
    [['--match', 'Fix*', '--back', '2'], ['Fix a']],
    [
      ['--before', '2024-05-31', '-b', 'dev'],
      ['Fix a', 'Begin', 'Initialize main'],
    ],
    [
      ['--before', '2024-05-31T12:00:00Z'],
      ['Fix a', 'Begin', 'Initialize main'],
    ],
    [
      ['--before', '2024-05-31T13:59:59+02:00'],
      ['Begin', 'Initialize main'],
    ],
  ])('%j', async (args, expected) => {
    expect(await subjects(...args)).toEqual(expected);
  });

  it('as JSON: one list, or an object a line', async () => {
    const list = JSON.parse(await place.ok('log', 'v1', '--format', 'json'));
    expect(list[0]).toEqual({
      hash: git(repo, 'rev-parse', 'v1'),
      message: 'Deploy 1\n\nlonger',
      time: '2024-06-01T14:00:00+02:00',
      author_name: 'Ada',
      author_email: 'ada@example.org',
      author_time: '2024-06-01T14:00:00+02:00',
      committer_name: 'Ada',
      committer_email: 'ada@example.org',
      parents: [git(repo, 'rev-parse', 'v1~1')],
      branch: 'v1',
    });
    const lines = (await place.ok('log', 'v1', '--format', 'jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(list);
  });

  it.each([
    [['main', '--ref', 'dev'], "Give either 'main' or --ref dev, not both"],
    [['main', '-b', 'dev'], "Give either 'main' or -b dev, not both"],
    [['~1', '--back', '1'], "Give either '~1' or --back 1, not both"],
    [[':a', '--path', 'b'], "Give either ':a' or --path b, not both"],
    [['-b', 'main', '--ref', 'dev'], 'Give either -b main or --ref dev, not both'],
    [['main~0'], "Invalid '~0' in 'main~0': it goes back nowhere, drop it"],
    [['--before', '2024-02-30'], /ISO 8601/],
    [['--back', '-1'], /whole number of 0 or more/],
  ])('refuses %j', async (args, message) => {
    expect(await place.fails(2, 'log', ...args)).toMatch(message);
  });

  it('says when nothing fits', async () => {
    expect(await place.ok('log', '--match', 'none')).toBe('');
    expect(await place.ok('log', ':none')).toBe('');
    expect(await place.ok('log', ':none', '--format', 'json')).toBe('[]\n');
    expect(await place.fails(1, 'log', 'nowhere')).toMatch(
      /^No branch, tag or commit nowhere; branches: /,
    );
  });
});

describe('filters', () => {
  it.each([
    [['hash'], 'main'],
    [['hash', 'v1'], 'main~1'],
    [['hash', 'dev~1'], 'v1'],
    [['hash', '--path', 'docs/x'], 'main~1'],
    [['hash', '--match', 'Fix*', '--back', '1'], 'main~1'],
    [['hash', 'dev', '--match', 'Fix*'], 'main~2'],
    [['hash', ':docs/x', '--back', '2'], 'main~2:docs/x'],
    [['hash', ':docs/x', '--path', 'docs/x'], 'main~1:docs/x'],
    [['hash', 'v1:'], 'v1^{tree}'],
    [['branch', 'hash', 'dev', '--path', 'docs'], 'main~1'],
    [['branch', 'hash', 'main', '--before', '2024-05-30'], 'main~3'],
    [['tag', 'hash', 'v1', '--back', '1'], 'main~2'],
  ])('%j is %s', async (args, expected) => {
    expect(await place.ok(...args)).toBe(`${git(repo, 'rev-parse', expected)}\n`);
  });

  it('mean the same for cat, ls, branch set and tag set', async () => {
    const filter = ['--match', 'Fix*', '--path', 'a'];
    expect(await place.ok('cat', ...filter, 'a')).toBe('2');
    expect(await place.ok('cat', '--back', '1', ...filter, 'a')).toBe('1');
    expect(await place.ok('ls', '--before', '2024-06-01', '-R')).toBe('a\ndocs/x\n');
    await place.ok('branch', 'set', 'filtered', ...filter);
    await place.ok('tag', 'set', 'filtered', ...filter);
    for (const ref of ['refs/heads/filtered', 'refs/tags/filtered']) {
      expect(git(repo, 'rev-parse', ref)).toBe(git(repo, 'rev-parse', 'main~2'));
    }
  });

  it('go with one ref only', async () => {
    for (const [flag, value] of [
      ['--before', '2024-06-01'],
      ['--path', 'a'],
      ['--match', '*'],
      ['--back', '1'],
    ]) {
      const message = await place.fails(2, 'cat', flag!, value!, 'main:a', 'dev:a');
      expect(message).toBe(`${flag} cannot be used with paths on different refs (main, dev)`);
      await place.ok('cat', flag!, value!, 'main:a', 'main:a');
    }
    expect(await place.fails(2, 'cat', '-b', 'dev', 'main:a')).toMatch(
      /either 'main:' in a path or -b dev/,
    );
    expect(await place.fails(2, 'cat', '--ref', 'dev', 'main:a')).toMatch(/--ref dev/);
    expect(await place.fails(2, 'cat', '--back', '1', '~1:a')).toMatch(
      /'~1' in a path or --back 1/,
    );
  });
});

describe('diff', () => {
  it.each([
    [['~1'], 'A  b\n'],
    [['main~3'], 'M  a\nA  b\nM  docs/x\n'],
    [['~3', '--reverse'], 'M  a\nD  b\nM  docs/x\n'],
    [['dev'], 'M  a\nA  b\n'],
    [['-b', 'dev', '--ref', 'main'], 'M  a\nD  b\n'],
    [['-b', 'dev', '~1'], 'M  a\n'],
    [['--back', '1'], 'A  b\n'],
    [['--before', '2024-05-30'], 'M  a\nA  b\nM  docs/x\n'],
    [['main~3:docs'], 'M  docs/x\n'],
    [['v1', '--match', 'Begin'], 'M  a\nA  b\nM  docs/x\n'],
    [['main'], ''],
  ])('%j', async (args, expected) => {
    expect(await place.ok('diff', ...args)).toBe(expected);
  });

  it('as JSON', async () => {
    expect(JSON.parse(await place.ok('diff', 'dev', '--format', 'json'))).toEqual([
      { path: 'a', change: 'update' },
      { path: 'b', change: 'add' },
    ]);
    expect(await place.ok('diff', 'main', '--format', 'json')).toBe('[]\n');
  });

  it('needs one baseline', async () => {
    expect(await place.fails(2, 'diff')).toMatch(/^Give a BASELINE/);
    expect(await place.fails(2, 'diff', 'main', '--ref', 'dev')).toMatch(
      /either 'main' or --ref dev/,
    );
    expect(await place.fails(2, 'diff', 'main', '-b', 'dev')).toMatch(/either 'main' or -b dev/);
    expect(await place.fails(2, 'diff', ':docs', '--path', 'a')).toMatch(/':docs' or --path a/);
  });
});

describe('cmp', () => {
  const file = join(place.folder, 'two');
  beforeAll(() => writeFileSync(file, '2'));

  it.each([
    [[':a', 'v1:a'], 0],
    [[':a', 'dev:a'], 1],
    [[':a', 'two'], 0],
    [['two', ':docs/x'], 0],
    [['two', ':b'], 1],
    [['two', 'two'], 0],
    [['--back', '3', ':a', 'two'], 1],
    [['-b', 'dev', ':a', 'two'], 1],
  ])('%j exits with %i', async (args, code) => {
    const { code: exit, stdout, stderr } = await place.run('cmp', ...args);
    expect({ exit, stdout, stderr }).toEqual({ exit: code, stdout: '', stderr: '' });
  });

  it('prints both hashes with -v', async () => {
    const two = git(repo, 'rev-parse', 'main:a');
    const one = git(repo, 'rev-parse', 'main:b');
    const { code, stderr } = await place.run('cmp', '-v', 'two', ':b');
    expect({ code, stderr }).toEqual({ code: 1, stderr: `${two}  two\n${one}  :b\n` });
  });

  it('takes files alone', async () => {
    expect(await place.fails(1, 'cmp', ':docs', 'two')).toBe('Is a directory: docs');
    expect(await place.fails(1, 'cmp', ':none', 'two')).toMatch(/none/);
    expect(await place.fails(1, 'cmp', 'none', 'two')).toMatch(/none: no such file/);
    expect(await place.fails(2, 'cmp', '--back', '1', 'two', 'two')).toMatch(/--back has no use/);
  });
});

it('blank lines before a message are passed over where one line of it is shown', async () => {
  const other = new Place();
  await other.okWith({ input: '1' }, 'write', 'f', '-m', '\n \r\nTitle\n\nbody');
  await other.okWith({ input: '2' }, 'write', 'f', '-m', '\n\n');
  expect(await other.ok('undo')).toMatch(/ - Title\n$/);
  expect(await other.ok('log')).toMatch(/ {2}Title\n.* {2}Initialize main\n$/);
  expect(git(other.repo, 'log', '-1', '--format=%s', 'main')).toBe('Title');
  expect(await other.ok('redo')).toMatch(/ - \n$/);
  expect(await other.ok('reflog')).toMatch(/ {2}commit:\n.* {2}commit: Title\n/);
});

describe('undo, redo, reflog', () => {
  const other = new Place();

  it('goes back and forth, and tells where it has been', async () => {
    for (const n of ['1', '2', '3'])
      await other.okWith({ input: n }, 'write', 'f', '-m', `write ${n}`);
    expect(await other.ok('undo')).toMatch(/^Branch now at: [0-9a-f]{7} - write 2\n$/);
    expect(await other.ok('undo')).toMatch(/ - write 1\n$/);
    expect(await other.ok('redo')).toMatch(/ - write 2\n$/);
    expect(await other.ok('redo')).toMatch(/ - write 3\n$/);
    expect(await other.ok('undo', '2')).toMatch(/ - write 1\n$/);
    expect(await other.ok('redo')).toMatch(/ - write 3\n$/);
    expect(await other.fails(1, 'undo', '9')).toMatch(/its history goes back only 3$/);
    expect(await other.fails(1, 'redo', '99')).toBe(
      "Nothing to redo on branch 'main': its last move was no undo",
    );
    expect(await other.fails(2, 'undo', '0')).toMatch(/whole number of 1 or more/);

    const [head, ...lines] = (await other.ok('reflog', '--limit', '3')).trimEnd().split('\n');
    expect(head).toBe("Reflog for branch 'main' (3 entries):");
    const tip = git(other.repo, 'rev-parse', 'main');
    expect(lines[0]).toMatch(
      new RegExp(`^0  ${tip.slice(0, 7)}  \\S{25}  redo: 1 forward from [0-9a-f]{7}$`),
    );
    const all = JSON.parse(await other.ok('reflog', '--format', 'json'));
    expect(all).toHaveLength(10);
    expect(all[0]).toEqual({
      old_hash: git(other.repo, 'rev-parse', 'main~2'),
      new_hash: tip,
      committer_name: 'Test',
      committer_email: 'test@localhost',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      message: expect.stringMatching(/^redo: /),
    });
    expect(all.at(-1).old_hash).toBeNull();
    expect(await other.fails(1, 'reflog', '-b', 'none')).toMatch(
      /^Branch 'none' does not exist; branches: /,
    );
    expectClean(other.repo);
  });
});

describe('arguments that say nothing', () => {
  it('empty refs are refused: mostly a variable that was never set', async () => {
    const before = await place.ok('branch');
    for (const args of [
      ['log', ''],
      ['hash', ''],
      ['diff', ''],
      ['ls', '--ref', ''],
      ['branch', 'set', 'x', ''],
      ['tag', 'set', 'x', ''],
      ['note', 'get', ''],
      ['note', 'set', '', 'text'],
    ]) {
      expect(await place.fails(2, ...args)).toBe('An empty argument names no ref');
    }
    expect(await place.ok('branch')).toBe(before);
  });

  it('one argument too many is refused below branch and tag too', async () => {
    for (const args of [
      ['branch', 'current', 'main'],
      ['branch', 'exists', 'main', 'x'],
      ['branch', 'delete', 'main', 'x'],
      ['branch', 'list', 'x'],
      ['tag', 'delete', 'v1', 'x'],
      ['tag', 'hash', 'v1', 'x'],
    ]) {
      expect(await place.fails(2, ...args)).toMatch(/^Too many arguments/);
    }
    expect(await place.fails(2, 'branch', 'x')).toMatch(/^Unknown command 'branch x'/);
    await place.ok('branch', 'exists', 'main');
  });
});

describe('what Git can leave behind', () => {
  it('a short hash that fits several commits, and one that fits a commit and files', async () => {
    const odd = new Place();
    await odd.okWith({ input: '1' }, 'write', 'f');
    const stream = Array.from(
      { length: 600 },
      (_, i) => `commit refs/heads/n${i}\ncommitter A <a@b> ${i} +0000\ndata 0\n\n`,
    );
    gitBytes(odd.repo, ['fast-import', '--quiet'], Buffer.from(stream.join('')));
    const ids = git(odd.repo, 'for-each-ref', '--format=%(objectname)', 'refs/heads/n*').split(
      '\n',
    );
    const byPrefix = new Map<string, string[]>();
    for (const id of ids) {
      const prefix = id.slice(0, 4);
      byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), id]);
    }
    const [prefix, clash] = [...byPrefix].find(([, all]) => all.length > 1)!;
    expect(await odd.fails(1, 'hash', prefix)).toMatch(
      new RegExp(`^Hash '${prefix}' is ambiguous: ${clash.length} commits begin with it`),
    );
    expect(await odd.ok('hash', clash[0]!.slice(0, 12))).toBe(`${clash[0]}\n`);
    expect(await odd.fails(1, 'hash', 'abc')).toMatch(/^No branch, tag or commit/);
  });

  it('refs that look like hashes, point to files, or lead in circles', async () => {
    const odd = new Place();
    for (const n of ['1', '2']) await odd.okWith({ input: n }, 'write', 'f');
    const [tip, old] = commitsOf(odd.repo) as [string, string];
    git(odd.repo, 'update-ref', `refs/heads/${tip.slice(0, 8)}`, old);
    expect(await odd.ok('hash', tip.slice(0, 8))).toBe(`${old}\n`);
    expect(await odd.ok('hash', tip.slice(0, 9))).toBe(`${tip}\n`);
    git(odd.repo, 'tag', 'blob', 'main:f');
    git(odd.repo, 'tag', 'tree', 'main^{tree}');
    expect(await odd.ok('tag')).toBe('');
    expect(await odd.fails(1, 'log', 'tree')).toBe("Tag 'tree' stands for a tree, not a commit");
    expect(await odd.fails(1, 'cat', 'blob:f')).toBe("Tag 'blob' stands for a blob, not a commit");
    expect(await odd.fails(1, 'rm', 'tree:f')).toBe("Tag 'tree' stands for a tree, not a commit");
    git(odd.repo, 'symbolic-ref', 'refs/heads/one', 'refs/heads/two');
    git(odd.repo, 'symbolic-ref', 'refs/heads/two', 'refs/heads/one');
    expect(await odd.fails(1, 'log', 'one')).toMatch(/^Broken ref: refs\/heads\/one \(/);
    const listed = await odd.run('branch');
    expect(listed).toMatchObject({ code: 0, stdout: `${tip.slice(0, 8)}\nmain\n` });
    expect(listed.stderr).toMatch(
      /^Warning: Cannot read refs\/heads\/one: .+\nWarning: Cannot read refs\/heads\/two: .+\n$/,
    );
    git(odd.repo, 'tag', 'main', old);
    expect(await odd.ok('hash', 'main')).toBe(`${tip}\n`);
    expect(await odd.ok('tag', 'hash', 'main')).toBe(`${old}\n`);
  });

  it('broken branches and tags do not exist, which is said without a word', async () => {
    const odd = new Place();
    await odd.ok('init');
    for (const kind of ['branch', 'tag']) {
      const folder = kind === 'branch' ? 'refs/heads' : 'refs/tags';
      for (const content of ['garbage\n', `ref: ${folder}/bad\n`, `${'1234'.repeat(10)}\n`]) {
        writeFileSync(join(odd.repo, folder, 'bad'), content);
        expect(await odd.run(kind, 'exists', 'bad')).toMatchObject({
          code: 1,
          stdout: '',
          stderr: '',
        });
      }
    }
    writeFileSync(join(odd.repo, 'refs/heads/bad'), 'garbage\n');
    for (const args of [
      ['branch', 'current', '-b', 'bad'],
      ['ls', 'bad:'],
    ]) {
      expect(await odd.fails(1, ...args)).toBe('Broken ref: refs/heads/bad (it names no object)');
    }
  });

  it('broken branches and tags can be deleted', async () => {
    const odd = new Place();
    await odd.ok('init');
    const tip = git(odd.repo, 'rev-parse', 'main');
    for (const kind of ['branch', 'tag']) {
      const folder = kind === 'branch' ? 'refs/heads' : 'refs/tags';
      const missing = '1234'.repeat(10);
      const values = {
        garbage: 'no id',
        empty: '',
        missing,
        loop: `ref: ${folder}/loop`,
        dangling: `ref: ${folder}/none`,
        alias: 'ref: refs/heads/main',
      };
      for (const [name, content] of Object.entries(values)) {
        writeFileSync(join(odd.repo, folder, name), content && `${content}\n`);
        await odd.ok(kind, 'delete', name);
        expect(await odd.fails(1, kind, 'delete', name)).toMatch(/does not exist/);
      }
    }
    const format = '--format=%(refname) %(objectname)';
    expect(git(odd.repo, 'for-each-ref', format, 'refs/heads', 'refs/tags')).toBe(
      `refs/heads/main ${tip}`,
    );
    expectClean(odd.repo);
    writeFileSync(join(odd.repo, 'refs/heads/main'), 'garbage\n');
    await odd.ok('branch', 'delete', '-f', 'main');
    await odd.ok('branch', 'set', 'main', tip);
    expectClean(odd.repo);
  });

  it('annotated tags, also of tags, are followed and stay what they are', async () => {
    const odd = new Place();
    for (const n of ['1', '2']) await odd.okWith({ input: n }, 'write', 'f');
    git(odd.repo, 'tag', '-a', '-m', 'one', 'v1', 'main~1');
    git(odd.repo, '-c', 'advice.nestedTag=false', 'tag', '-a', '-m', 'two', 'v2', 'v1');
    const objects = ['v1', 'v2'].map((tag) => git(odd.repo, 'rev-parse', tag));
    const commit = git(odd.repo, 'rev-parse', 'main~1');
    for (const args of [
      ['hash', 'v2'],
      ['tag', 'hash', 'v1'],
      ['hash', '--ref', 'v2'],
      ['hash', objects[1]!.slice(0, 10)],
    ]) {
      expect(await odd.ok(...args)).toBe(`${commit}\n`);
    }
    expect(await odd.ok('cat', 'v2:f')).toBe('1');
    await odd.ok('note', 'set', 'v2', 'noted');
    expect(git(odd.repo, 'notes', 'show', commit)).toBe('noted');
    await odd.ok('branch', 'set', 'from', 'v2');
    expect(git(odd.repo, 'rev-parse', 'from')).toBe(commit);
    await odd.okWith({ input: '3' }, 'write', 'f', '--parent', 'v2');
    expect(git(odd.repo, 'rev-parse', 'main^2')).toBe(commit);
    expect(['v1', 'v2'].map((tag) => git(odd.repo, 'rev-parse', tag))).toEqual(objects);
    expectClean(odd.repo);
  });

  it('commits with odd headers', async () => {
    const odd = new Place();
    await odd.okWith({ input: '1' }, 'write', 'f', '-m', 'first');
    const tree = git(odd.repo, 'rev-parse', 'main^{tree}');
    let parent = git(odd.repo, 'rev-parse', 'main');
    const headers: [string, string, Buffer][] = [
      ['A <a@b> -86400 +0000', 'before 1970', Buffer.from('')],
      ['A <a@b> 4300000000 -1130', 'after 2106', Buffer.from('')],
      ['A 1700000000 +0000', 'no mail', Buffer.from('')],
      [
        'A <a@b> 1700000000 +0000',
        'signed',
        Buffer.from('gpgsig -----BEGIN\n abc\n \n -----END\n'),
      ],
      ['A <a@b> 1700000000 +0000', 'more', Buffer.from('x-more a\n b\nHG:extra c\n')],
    ];
    for (const [who, message, extra] of headers) {
      const body = Buffer.concat([
        Buffer.from(`tree ${tree}\nparent ${parent}\nauthor ${who}\ncommitter ${who}\n`),
        extra,
        Buffer.from(`\n${message}\n`),
      ]);
      parent = gitBytes(
        odd.repo,
        ['hash-object', '-t', 'commit', '--literally', '-w', '--stdin'],
        body,
      )
        .toString()
        .trim();
    }
    const latin = Buffer.from(
      `tree ${tree}\nparent ${parent}\nauthor Jos\u00e9 <a@b> 1700000000 +0000\ncommitter Jos\u00e9 <a@b> 1700000000 +0000\nencoding ISO-8859-1\n\ncaf\u00e9\n`,
      'latin1',
    );
    parent = gitBytes(
      odd.repo,
      ['hash-object', '-t', 'commit', '--literally', '-w', '--stdin'],
      latin,
    )
      .toString()
      .trim();
    git(odd.repo, 'update-ref', 'refs/heads/main', parent);
    for (const pack of [false, true]) {
      if (pack) git(odd.repo, 'repack', '-adq');
      const lines = (await odd.ok('log')).trimEnd().split('\n');
      expect(lines.map((line) => line.split('  ').slice(1).join('  '))).toEqual([
        '2023-11-14T22:13:20+00:00  caf\u00e9',
        '2023-11-14T22:13:20+00:00  more',
        '2023-11-14T22:13:20+00:00  signed',
        '2023-11-14T22:13:20+00:00  no mail',
        '2106-04-06T00:56:40-11:30  after 2106',
        '1969-12-31T00:00:00+00:00  before 1970',
        expect.stringMatching(/ {2}first$/),
        expect.stringMatching(/ {2}Initialize main$/),
      ]);
      const [first] = JSON.parse(await odd.ok('log', '--format', 'json'));
      expect(first.author_name).toBe('Jos\u00e9');
    }
    expect(await odd.ok('hash', '--before', '1970-01-01')).toBe(
      `${git(odd.repo, 'rev-parse', 'main~5')}\n`,
    );
    // Appended elsewhere, they keep all but the signature.
    await odd.ok('branch', 'set', 'other', '--empty');
    await odd.ok('branch', 'set', 'other', '--append', '-b', 'main');
    const shape = (ref: string): string =>
      git(odd.repo, 'log', '--format=%T %an <%ae> %at %cn %ct %s', '-3', ref);
    expect(shape('other')).toBe(shape('main'));
    expect(git(odd.repo, 'cat-file', 'commit', 'other~2')).not.toContain('gpgsig');
    expect(git(odd.repo, 'cat-file', 'commit', 'other~1')).toContain('HG:extra c');
  });

  it('a detached HEAD, and one on a branch that does not exist', async () => {
    const odd = new Place();
    for (const n of ['1', '2']) await odd.okWith({ input: n }, 'write', 'f');
    git(odd.repo, 'update-ref', '--no-deref', 'HEAD', 'main~1');
    const short = git(odd.repo, 'rev-parse', 'main~1').slice(0, 7);
    expect(await odd.fails(1, 'branch', 'current')).toBe(
      `No current branch: HEAD is detached at ${short} ('branch current -b NAME' chooses one)`,
    );
    expect(await odd.ok('cat', 'f')).toBe('2');
    await odd.okWith({ input: '3' }, 'write', 'f');
    expect(git(odd.repo, 'rev-parse', 'HEAD')).toBe(git(odd.repo, 'rev-parse', 'main~2'));
    await odd.ok('branch', 'current', '-b', 'main');
    expect(git(odd.repo, 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    git(odd.repo, 'symbolic-ref', 'HEAD', 'refs/heads/new');
    expect(await odd.ok('branch', 'current')).toBe('new\n');
    for (const args of [
      ['log'],
      ['ls'],
      ['undo'],
      ['reflog'],
      ['diff', 'main'],
      ['branch', 'set', 'x'],
    ]) {
      expect(await odd.fails(1, ...args)).toMatch(
        /^Branch 'new' does not exist \(HEAD names it\); branches: /,
      );
    }
    expect(await odd.fails(1, 'branch', 'current', '-b', 'none')).toMatch(
      /^Branch 'none' does not exist; branches: /,
    );
    await odd.ok('branch', 'set', 'new', 'main');
    expect(await odd.ok('cat', 'f')).toBe('3');
  });

  it('lines in a reflog that are none', async () => {
    const odd = new Place();
    await odd.okWith({ input: '1' }, 'write', 'f');
    appendFileSync(join(odd.repo, 'logs/refs/heads/main'), '\ngarbage\n\xff\xfe\n0000 1111\n');
    await odd.okWith({ input: '2' }, 'write', 'f');
    await odd.ok('undo');
    expect(await odd.ok('cat', 'f')).toBe('1');
    await odd.ok('redo');
    expect(await odd.ok('cat', 'f')).toBe('2');
    expect(await odd.ok('reflog')).toMatch(/\(5 entries\)/);
  });
});

it('a delete tells what was deleted, of a broken branch what its reflog knew', async () => {
  const other = new Place();
  await other.okWith({ input: '1' }, 'write', 'f');
  const tip = git(other.repo, 'rev-parse', 'main').slice(0, 7);
  await other.ok('branch', 'set', 'dev');
  await other.ok('tag', 'set', 'v1');
  expect(await other.ok('tag', 'delete', 'v1')).toBe(`Deleted tag v1 (was ${tip})\n`);
  writeFileSync(join(other.repo, 'refs/heads/dev'), '');
  expect(await other.ok('reflog', '-b', 'dev')).toContain(tip);
  expect(await other.ok('branch', 'delete', 'dev')).toBe(
    `Deleted branch dev (broken; it was ${tip})\n`,
  );
  expect(await other.fails(1, 'branch', 'delete', 'main')).toMatch(/-f/);
  expect(await other.ok('branch', 'delete', '-f', 'main')).toBe(
    `Deleted branch main (was ${tip})\n`,
  );
  expect(await other.ok('branch', 'deleted')).toMatch(new RegExp(`^${tip} {2}.* {2}main\n`));
  await other.ok('branch', 'set', 'main', tip);
  expect(await other.ok('cat', 'f')).toBe('1');
});
