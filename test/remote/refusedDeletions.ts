/** A backup to a repository that does not let its current branch be deleted, whatever the way to it. */
import { expect } from 'vitest';
import { git } from '../helpers/git.ts';
import { emptyBare, exampleStore, expectSound, refsOf } from './places.ts';

export async function backUpBesideCurrent(
  urlOf: (path: string) => string | Promise<string>,
): Promise<void> {
  const store = await exampleStore();
  const path = emptyBare();
  git(path, 'config', 'http.receivepack', 'true');
  git(path, 'config', 'core.logAllRefUpdates', 'false');
  await store.backup(path);
  git(path, 'branch', 'top', 'main~3');
  git(path, 'branch', 'beyond', 'main');
  git(path, 'update-ref', 'refs/heads/main', 'main~4');
  git(path, 'update-ref', '-d', 'refs/tags/v1');
  git(path, 'symbolic-ref', 'HEAD', 'refs/heads/top');
  const url = await urlOf(path);
  const top = git(path, 'rev-parse', 'top');

  const diff = await store.backup(url);
  expect(diff.add.map(({ ref }) => ref)).toEqual(['refs/tags/v1']);
  expect(diff.update.map(({ ref }) => ref)).toEqual(['refs/heads/main']);
  expect(diff.delete.map(({ ref }) => ref)).toEqual(['refs/heads/beyond']);
  expect(diff.warnings).toEqual([
    {
      code: 'REFUSED_BY_REMOTE',
      message: expect.stringMatching(/refs\/heads\/top in .* current branch .*make another branch/),
      ref: 'refs/heads/top',
    },
  ]);
  expect(refsOf(path)).toEqual({ ...refsOf(store.path), 'refs/heads/top': top });
  expectSound(path);

  // Nothing but the deletion is left: the same warning, and no change.
  const again = await store.backup(url);
  expect({ total: again.total, warnings: again.warnings.length }).toEqual({
    total: 0,
    warnings: 1,
  });

  // A new name that needs the place of the branch that stays waits, and nothing else does.
  const blocked = await store.branches.set('top/new', await store.branches.get('main'));
  await blocked.writeText('more.txt', 'more');
  await store.branches.set('other', await store.branches.get('topic/one'));
  const third = await store.backup(url);
  expect(third.add.map(({ ref }) => ref)).toEqual(['refs/heads/other']);
  expect(third.warnings.map(({ ref }) => ref)).toEqual(['refs/heads/top', 'refs/heads/top/new']);

  git(path, 'symbolic-ref', 'HEAD', 'refs/heads/main');
  expect((await store.backup(url)).warnings).toEqual([]);
  expect(refsOf(path)).toEqual(refsOf(store.path));
  expectSound(path);
  await store.close();
}
