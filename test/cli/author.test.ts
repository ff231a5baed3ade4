/** Who commits are by, on the command line: Git under the same environment is the referee. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { readGitConfig } from '../../src/cli/repository/gitConfig.ts';
import { parseGitDate } from '../../src/cli/repository/gitDates.ts';
import { findSigners } from '../../src/cli/repository/identity.ts';
import { formatIdentity } from '../../src/git/objects/identity.ts';
import type { Signer } from '../../src/store/context/signers.ts';
import { runs, seed } from '../crash/stress.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { gitstore, Place } from './program.ts';

const before = { ...process.env };

afterEach(() => {
  process.env = { ...before };
});

const NAMES = ['AUTHOR', 'COMMITTER'].flatMap((role) =>
  ['NAME', 'EMAIL', 'DATE'].map((part) => `GIT_${role}_${part}`),
);

/** The environment without what names somebody. */
function plain(set: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...before, GIT_CONFIG_NOSYSTEM: '1', ...set };
  for (const name of [...NAMES, 'EMAIL', 'GIT_DIR']) if (!(name in set)) delete env[name];
  env.GIT_CONFIG_GLOBAL ??= devNull;
  return env;
}

function identityOf(gitDir: string, role: string, env: NodeJS.ProcessEnv): string {
  const args = ['--git-dir', gitDir, 'var', `GIT_${role}_IDENT`];
  const { stdout, status } = spawnSync('git', args, { env, encoding: 'utf8' });
  return status === 0 ? stdout.trimEnd() : 'refused';
}

function textOf({ name, email, date }: Signer): string {
  return formatIdentity({ name, email, ...(date ?? { time: 0, offset: 0 }) });
}

describe('who signs', () => {
  const folder = scratchFolder();
  const gitDir = join(folder, 'work', 'data.git');
  spawnSync('git', ['init', '-q', '--bare', gitDir]);

  it('is who Git finds, from the environment and all files of the configuration', () => {
    const word = fc.constantFrom('Ada', 'Zoë B. D', ' Bea  C ', 'x<y>z');
    const mail = fc.constantFrom('a@b.c', '', 'd@e');
    const date = fc.constantFrom('1717158600 +0200', '@5 -0030', '2024-05-31T14:30:00+02:00');
    const config = fc.record(
      {
        'user.name': word,
        'user.email': mail,
        'author.name': word,
        'author.email': mail,
        'committer.name': word,
        'committer.email': mail,
      },
      { requiredKeys: ['user.name', 'user.email'] },
    );
    const some = { requiredKeys: [] };
    const variables = fc.record({ NAME: word, EMAIL: mail, DATE: date }, some);
    const ours = (set: object) =>
      Object.entries(set).map(([key, value]) => `[${key.replace('.', ']\n')} = "${value}"\n`);
    fc.assert(
      fc.property(
        config,
        fc.option(config),
        fc.option(config),
        variables,
        variables,
        fc.constantFrom('gitdir:work/', 'gitdir:**/data.git', 'gitdir/i:WORK/', 'gitdir:other/'),
        (user, included, repository, author, committer, condition) => {
          const file = join(folder, 'user.config');
          writeFileSync(file, `${ours(user).join('')}[includeIf "${condition}"]\n path = more\n`);
          writeFileSync(join(folder, 'more'), ours(included ?? {}).join(''));
          const own = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n';
          writeFileSync(join(gitDir, 'config'), own + ours(repository ?? {}).join(''));
          const set: NodeJS.ProcessEnv = { GIT_CONFIG_GLOBAL: file };
          for (const [part, value] of Object.entries(author)) set[`GIT_AUTHOR_${part}`] = value;
          for (const [part, value] of Object.entries(committer)) {
            set[`GIT_COMMITTER_${part}`] = value;
          }
          process.env = plain(set);
          const found = findSigners(undefined, () => readGitConfig(gitDir));
          for (const [role, signer] of [
            ['AUTHOR', found.author],
            ['COMMITTER', found.committer],
          ] as const) {
            const expected = identityOf(gitDir, role, process.env);
            const said = textOf(signer);
            const cut = signer.date === undefined ? / \d+ [+-]\d+$/ : /$^/;
            expect(said.replace(cut, '')).toBe(expected.replace(cut, ''));
          }
        },
      ),
      { seed, numRuns: runs(100) },
    );
  });

  it('is gitstore where nothing names anybody, and nobody in a variable that holds nothing', () => {
    const find = () => findSigners(undefined, () => readGitConfig(undefined));
    process.env = plain({});
    expect(textOf(find().author)).toBe('gitstore <gitstore@localhost> 0 +0000');
    process.env = plain({ EMAIL: 'me@home' });
    expect(textOf(find().committer)).toBe('gitstore <me@home> 0 +0000');
    process.env = plain({ GIT_AUTHOR_NAME: '' });
    expect(find).toThrow('GIT_AUTHOR_NAME holds no name: ""; give one, or unset it');
    process.env = plain({ GIT_COMMITTER_DATE: 'yesterday' });
    expect(find).toThrow(/^GIT_COMMITTER_DATE is no date: "yesterday" \(/);
  });

  it('has dates as Git reads them', () => {
    process.env = plain({ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'b' });
    for (const text of [
      '2024-01-01 10:00',
      '2024.07.02 10:00:07',
      '01/02/2024 10:00',
      '02.01.2024 10:00',
      '@123 +0200',
      '123456 +0200',
      '1234567890',
      'Thu, 07 Apr 2005 22:13:13 +0200',
      'Thu Apr 7 22:13:13 2005 -0700',
      '2005-04-07T22:13:13Z',
      '2005-04-07T22:13:13.5+02',
      '20240702T101112',
      '2024-01-01',
      'now',
      'yesterday',
      '7',
      '31.31.2024 10:00',
    ]) {
      const date = parseGitDate(text);
      const ours = date === undefined ? 'refused' : textOf({ name: 'a', email: 'b', date });
      const env = { ...process.env, GIT_AUTHOR_DATE: text };
      expect([text, ours]).toEqual([text, identityOf(gitDir, 'AUTHOR', env)]);
    }
  });
});

describe('--author', () => {
  const SAID = '--format=%an <%ae>|%cn <%ce>|%at';
  const ADA = ['--author', 'Ada L <ada@example.org>'];
  const env = {
    GIT_AUTHOR_NAME: 'Env',
    GIT_COMMITTER_NAME: 'Com',
    GIT_COMMITTER_EMAIL: 'com@x',
    GIT_AUTHOR_DATE: '1600000000 +0000',
  };
  const BY_ADA = 'Ada L <ada@example.org>|Com <com@x>|1600000000';

  it('is on every command that commits, and the committer is another', async () => {
    const place = new Place();
    const run = (...args: string[]) => place.okWith({ env, input: args.join() }, ...args);
    const said = (ref = 'main') => git(place.repo, 'log', '-1', SAID, ref);
    mkdirSync(join(place.folder, 'work'));
    writeFileSync(join(place.folder, 'work', 'f'), 'f');
    await run('init', ...ADA);
    expect(said()).toBe(BY_ADA);
    await run('write', 'a');
    expect(said()).toBe('Env <test@localhost>|Com <com@x>|1600000000');
    for (const args of [
      ['cp', 'work', ':'],
      ['mv', ':a', ':b'],
      ['rm', 'b'],
      ['revert', 'main'],
    ]) {
      const old = git(place.repo, 'rev-parse', 'main');
      await run(...args, ...ADA);
      expect([args[0], git(place.repo, 'rev-parse', 'main~1'), said()]).toEqual([
        args[0],
        old,
        BY_ADA,
      ]);
    }
    await run('branch', 'set', '--squash', 'dev', ...ADA);
    expect(said('dev')).toBe(BY_ADA);
    await run('note', 'set', 'main', 'text', ...ADA);
    expect(said('refs/notes/commits')).toBe(BY_ADA);
    await run('checkpoint', '--dir', 'work', '-b', 'folder', ...ADA);
    expect(said('folder')).toBe(BY_ADA);
    // A pick is by the author of the original, of its date.
    const bea = { GIT_AUTHOR_NAME: 'Bea', GIT_AUTHOR_DATE: '1500000000 +0000' };
    await place.okWith({ env: bea, input: 'c' }, 'write', 'dev:c');
    await run('pick', 'dev');
    expect(said()).toBe('Bea <test@localhost>|Com <com@x>|1500000000');
    // Of what happens in the store the log keeps the real time.
    const times = git(place.repo, 'reflog', '--format=%gn %gd', '--date=unix', 'main').split('\n');
    expect(times.every((line) => Number(/^Com main@\{(\d+)\}$/.exec(line)?.[1]) > 1.7e9)).toBe(
      true,
    );
    expectClean(place.repo);
  });

  it('must be a name and a mail address', async () => {
    const place = new Place();
    for (const author of ['Ada', '<a@b>', 'Ada <a', 'Ada <a> b', '']) {
      expect(await place.fails(2, 'write', 'x', '--author', author)).toBe(
        `Option '--author <author>' argument '${author}' is invalid. It must be 'Name <mail>', as 'Ada <ada@example.org>'`,
      );
    }
    const wrong = { env: { GIT_AUTHOR_DATE: 'soon' } };
    const { code, stderr } = await gitstore(['-r', place.repo, 'init'], wrong);
    expect(existsSync(place.repo)).toBe(false);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^Error: GIT_AUTHOR_DATE is no date/),
    ]);
  });
});
