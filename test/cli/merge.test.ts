/** merge, pick and revert. */
import { describe, expect, it } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { git } from '../helpers/git.ts';
import { Place } from './program.ts';

const LINES = 'one\ntwo\nthree\nfour\nfive\n';

/** `main` and `dev`: both have changed `text` and `both`, dev has a new file. */
async function forked(): Promise<Place> {
  const place = new Place();
  await using store = await GitStore.open(place.repo, { durability: 'fast', author: 'Ada' });
  const main = await store.branches.get('main');
  const root = await main.apply({ writes: { text: LINES, both: 'old\n' }, message: 'Begin' });
  const dev = await store.branches.set('dev', root);
  const other = { text: LINES.replace('five', '5'), both: 'other\n' };
  await (await dev.apply({ writes: other, message: 'Other' })).writeText('new', 'n');
  await root.apply({
    writes: { text: LINES.replace('one', '1'), both: 'mine\n' },
    message: 'Mine',
  });
  return place;
}

describe('merge', () => {
  it('lists conflicts and exits 1, until it is told how to decide', async () => {
    const place = await forked();
    const failed = await place.run('merge', 'dev');
    expect([failed.code, failed.stdout]).toEqual([1, 'content  :both\n']);
    expect(failed.stderr).toBe(
      "Error: Cannot merge dev into 'main': 1 conflict (--favor, --ours PATH and --theirs PATH decide, --markers commits them as they are)\n",
    );
    expect(await place.ok('merge', '-n', 'dev', '--favor', 'ours')).toBe('+ :new\n~ :text\n');
    expect(await place.ok('merge', 'dev', '--theirs', ':both', '--tag', 'merged')).toBe('');
    expect(await place.ok('cat', 'both')).toBe('other\n');
    expect(await place.ok('cat', 'text')).toBe('1\ntwo\nthree\nfour\n5\n');
    expect(git(place.repo, 'log', '-1', '--format=%s', 'merged')).toBe("Merge branch 'dev'");
    expect(git(place.repo, 'rev-parse', 'main^2')).toBe(git(place.repo, 'rev-parse', 'dev'));
    expect(await place.fails(2, 'merge', 'dev', '--ours', 'a', '--theirs', 'a')).toContain(
      'not both',
    );
  });

  it('commits markers, and moves a branch that has nothing of its own', async () => {
    const place = await forked();
    expect(await place.ok('merge', 'dev', '--markers')).toBe('content  :both\n');
    expect(await place.ok('cat', 'both')).toBe('<<<<<<< main\nmine\n=======\nother\n>>>>>>> dev\n');
    await place.ok('merge', 'main', '-b', 'dev');
    expect(git(place.repo, 'rev-parse', 'main')).toBe(git(place.repo, 'rev-parse', 'dev'));
  });
});

describe('pick and revert', () => {
  it('make a change again, or take it back', async () => {
    const place = await forked();
    await place.ok('pick', 'dev');
    expect(await place.ok('ls')).toBe('both\nnew\ntext\n');
    await place.ok('revert', '~1');
    expect(await place.ok('cat', 'text')).toBe(LINES);
    expect(await place.ok('ls')).toBe('both\nnew\ntext\n');
    expect(await place.ok('log', '--back', '0')).toContain('Revert "Mine"');
    expect(await place.fails(1, 'revert', 'nowhere')).toMatch(
      /^No branch, tag or commit nowhere; branches: /,
    );
  });
});
