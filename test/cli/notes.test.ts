/** note, branch set --append, and the options of commits that name tags and parents. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { expectClean, git } from '../helpers/git.ts';
import { Place } from './program.ts';

const place = new Place();
const { repo } = place;

beforeAll(async () => {
  for (const n of ['1', '2', '3']) await place.okWith({ input: n }, 'write', 'f', '-m', `m${n}`);
  await place.ok('tag', 'set', 'v1', 'main~1');
});

describe('note', () => {
  it('is set, read, listed and deleted, with every kind of target', async () => {
    const [tip, tagged] = [git(repo, 'rev-parse', 'main'), git(repo, 'rev-parse', 'v1')];
    await place.ok('note', 'set', 'on the tip');
    await place.ok('note', 'set', 'v1', 'two\nlines');
    for (const target of [[], [':'], ['main'], ['main:'], [tip], [tip.slice(0, 7)]]) {
      expect(await place.ok('note', 'get', ...target)).toBe('on the tip\n');
    }
    expect(await place.ok('note', 'get', '~1')).toBe('two\nlines\n');
    expect(git(repo, 'notes', 'show', 'v1')).toBe('two\nlines');
    const hashes = [tip, tagged].sort();
    expect(await place.ok('note', 'list')).toBe(hashes.map((hash) => `${hash}\n`).join(''));
    expect(await place.ok('note', 'list', '-l')).toContain(`${tagged}  two\n`);
    const listed = JSON.parse(await place.ok('note', 'list', '--format', 'json'));
    expect(listed).toContainEqual({ hash: tagged, text: 'two\nlines' });
    await place.ok('note', 'delete', 'v1');
    expect(await place.fails(1, 'note', 'delete', 'v1')).toBe(`No note on ${tagged} in 'commits'`);
    expect(await place.fails(1, 'note', 'get', 'f'.repeat(40))).toMatch(/^No note on f{40}/);
    expectClean(repo);
  });

  it('is on what a full hash names, also on a tag itself, as with Git', async () => {
    git(repo, 'tag', '-a', '-m', 'two', 'v2', 'main~2');
    const hash = git(repo, 'rev-parse', 'v2');
    await place.ok('note', 'set', hash, 'on the tag');
    expect(await place.ok('note', 'get', hash)).toBe('on the tag\n');
    expect(git(repo, 'notes', 'show', 'v2')).toBe('on the tag');
    expect(await place.fails(1, 'note', 'get', 'v2')).toMatch(/^No note on/);
    await place.ok('note', 'delete', hash);
  });

  it('keeps to its namespace', async () => {
    await place.ok('note', 'set', '-N', 'review', 'main', 'LGTM');
    expect(git(repo, 'notes', '--ref=review', 'show', 'main')).toBe('LGTM');
    expect(await place.ok('note', 'get', '--namespace', 'review')).toBe('LGTM\n');
    expect(await place.fails(1, 'note', 'get', '-N', 'none')).toMatch(/in 'none'$/);
  });

  it('takes every name of a namespace that Git takes', async () => {
    for (const [i, name] of ['sent', 'notes/sent', 'refs/notes/sent'].entries()) {
      await place.ok('note', 'set', '-N', name, 'main', `sent ${i}`);
      expect(git(repo, 'notes', `--ref=${name}`, 'show', 'main')).toBe(`sent ${i}`);
      expect(await place.ok('note', 'get', '-N', 'sent')).toBe(`sent ${i}\n`);
    }
    expect(git(repo, 'for-each-ref', '--format=%(refname)', 'refs/notes/')).not.toContain(
      'refs/notes/refs',
    );
    const store = await GitStore.open(repo);
    try {
      await store.notes.namespace('refs/notes/notes/deep').set('main', 'deep');
      const names = await store.notes.list();
      expect(names).toContain('refs/notes/notes/deep');
      for (const name of names) {
        for await (const _ of store.notes.namespace(name).keys()) expect(_).toMatch(/^[0-9a-f]+$/);
      }
      expect(await store.notes.namespace('refs/notes/notes/deep').get('main')).toBe('deep');
    } finally {
      await store.close();
    }
  });

  it('goes by core.notesRef and GIT_NOTES_REF, as Git does', async () => {
    const env = { GIT_NOTES_REF: 'refs/notes/env' };
    git(repo, 'config', 'core.notesRef', 'refs/notes/mine');
    try {
      await place.ok('note', 'set', 'main', 'by the configuration');
      expect(git(repo, 'notes', '--ref=mine', 'show', 'main')).toBe('by the configuration');
      expect(git(repo, 'notes', 'show', 'main')).toBe('by the configuration');
      await place.okWith({ env }, 'note', 'set', 'main', 'by the environment');
      expect(git(repo, 'notes', '--ref=env', 'show', 'main')).toBe('by the environment');
      expect(await place.okWith({ env }, 'note', 'get', '-N', 'mine')).toBe(
        'by the configuration\n',
      );
      git(repo, 'config', 'core.notesRef', 'refs/heads/main');
      expect(await place.fails(1, 'note', 'get')).toMatch(
        /^core\.notesRef is 'refs\/heads\/main', no ref below refs\/notes\//,
      );
    } finally {
      git(repo, 'config', '--unset', 'core.notesRef');
    }
    expect(await place.ok('note', 'get')).toBe('on the tip\n');
  });

  it('refuses what makes no sense', async () => {
    expect(await place.fails(2, 'note', 'set', 'a', 'b', 'c')).toMatch(/one text, in quotes/);
    expect(await place.fails(2, 'note', 'get', 'main:f')).toMatch(/A commit is meant/);
    expect(await place.fails(1, 'note', 'set', 'nowhere', 'x')).toMatch(
      /^No branch, tag or commit/,
    );
    expect(await place.fails(1, 'note', 'set', '0'.repeat(40), 'x')).toMatch(
      /^No branch, tag or commit/,
    );
    expect(await place.fails(1, 'note', 'set', '-N', 'a b', 'x')).toMatch(/Invalid name/);
  });
});

describe('branch set', () => {
  it('--append replays what the branch has not, --squash makes it one commit', async () => {
    await place.ok('branch', 'set', 'work', 'main~1');
    await place.okWith({ input: 'w' }, 'write', 'work:w', '-m', 'work');
    await place.ok('branch', 'set', 'work', '--append', '-b', 'main');
    const subjects = (ref: string): string =>
      git(repo, 'log', '--format=%s', ref).replaceAll('\n', ' ');
    expect(subjects('work')).toBe('m3 work m2 m1 Initialize main');
    expect(git(repo, 'rev-parse', 'work^{tree}')).toBe(git(repo, 'rev-parse', 'main^{tree}'));
    await place.ok('branch', 'set', 'work', '--append', '--squash', '--ref', 'v1');
    expect(subjects('work')).toBe('m2 m3 work m2 m1 Initialize main');
    await place.ok('branch', 'set', 'flat', '--squash', 'v1');
    expect(subjects('flat')).toBe('m2');
    expect(await place.fails(1, 'branch', 'set', 'missing', '--append')).toMatch(
      /^Branch 'missing' does not exist; branches: /,
    );
    expect(await place.fails(2, 'branch', 'set', 'x', '--empty', '--append')).toBe(
      '--empty takes no --append',
    );
    expect(await place.fails(1, 'branch', 'set', 'flat')).toMatch(
      /already exists: flat \(-f moves it\)/,
    );
    expect(await place.fails(1, 'tag', 'set', 'v1')).toBe('Tag already exists: v1 (-f moves it)');
    await place.ok('branch', 'set', '-f', 'flat', '--before', '9999-12-31', '--match', 'm1');
    expect(subjects('flat')).toBe('m1 Initialize main');
    expectClean(repo);
  });

  it('a branch that stands for no commit is not overwritten without -f, nor written to', async () => {
    const file = join(repo, 'refs/heads/odd');
    for (const id of [git(repo, 'rev-parse', 'main^{tree}'), '1'.repeat(40)]) {
      writeFileSync(file, `${id}\n`);
      for (const how of [['main'], ['--empty'], ['--squash', 'main']]) {
        expect(await place.fails(1, 'branch', 'set', 'odd', ...how)).toMatch(
          /^Branch already exists/,
        );
      }
      expect(await place.fails(1, 'rm', 'odd:f')).toMatch(
        /^Branch 'odd' stands for a .*, not a com/,
      );
      expect(readFileSync(file, 'utf8')).toBe(`${id}\n`);
    }
    await place.ok('branch', 'set', '-f', 'odd', 'main');
    await place.ok('branch', 'delete', 'odd');
    expectClean(repo);
  });
});

describe('--tag, --parent and placeholders', () => {
  it('a message in which not every placeholder is known is taken as it is', async () => {
    for (const text of ['a {nonsense}', '{', '{op} {nonsense}', 'fix {{x}}']) {
      await place.ok('rm', 'f', '-m', text);
      expect(git(place.repo, 'log', '-1', '--format=%s')).toBe(text);
      await place.ok('undo');
    }
  });

  it('on every command that commits', async () => {
    const folder = join(place.folder, 'folder');
    mkdirSync(folder);
    writeFileSync(join(folder, 'local'), 'x');
    const m = '{op}|{default}|{add_count}{update_count}{delete_count}{total_count}';
    const commands: [string[], string][] = [
      [['write', 'g'], '|+ g|1001'],
      [['cp', join(folder, 'local'), ':h'], 'cp|+ h|1001'],
      [['sync', folder, ':s'], 'sync|+ s/local|1001'],
      [['mv', ':h', ':i'], 'mv|Batch mv: +1 -1|1012'],
      [['rm', 'i'], 'rm|- i|0011'],
    ];
    for (const [i, [args, message]] of commands.entries()) {
      await place.okWith({ input: 'data' }, ...args, '-m', m, '--tag', `t${i}`, '--parent', 'v1');
      expect(git(repo, 'log', '-1', '--format=%s', `t${i}`)).toBe(message);
      expect(git(repo, 'rev-parse', `t${i}`)).toBe(git(repo, 'rev-parse', 'main'));
      expect(git(repo, 'rev-parse', `t${i}^2`)).toBe(git(repo, 'rev-parse', 'v1'));
    }
    expectClean(repo);
  });

  it('a tag that cannot be set is found out before anything is written', async () => {
    const before = git(repo, 'rev-parse', 'main');
    const write = (...args: string[]): Promise<string> => place.fails(1, 'write', 'x', ...args);
    expect(await write('--tag', 'v1')).toBe('Tag already exists: v1 (--force-tag moves it)');
    expect(await write('--tag', 'a b')).toMatch(/Invalid name/);
    expect(await write('--tag', 'v1/x')).toMatch(/refs\/tags\/v1 exists/);
    expect(await write('--parent', 'nowhere')).toMatch(/^No branch, tag or commit/);
    expect(git(repo, 'rev-parse', 'main')).toBe(before);
    await place.okWith({ input: 'x' }, 'write', 'x', '--tag', 'v1', '--force-tag');
    expect(git(repo, 'rev-parse', 'v1')).toBe(git(repo, 'rev-parse', 'main'));
  });
});
