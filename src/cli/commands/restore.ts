/** `restore`: bring what another repository, or a bundle, has into this one. */

import type { Command } from 'commander';
import { GitStoreError } from '../../errors.ts';
import { redactUrl } from '../../git/wire/redactUrl.ts';
import type { MirrorDiff } from '../../remote/mirrorDiff.ts';
import { existsSync } from '../../storage/disk/fs.ts';
import { isBucketAddress } from '../../storage/places.ts';
import type { GitStore } from '../../store/gitStore.ts';
import {
  addMirrorOptions,
  lineOf,
  type MirrorCommandOptions,
  printDiff,
  printLeftOut,
  withMirroring,
} from '../actions/mirroring.ts';
import { addNoCreate, type CreateOption } from '../arguments/options.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, repositoryPath, withStore } from '../repository/repository.ts';

const HEADS = 'refs/heads/';

type RestoreOptions = MirrorCommandOptions & CreateOption;

export function define(command: Command): void {
  addNoCreate(addMirrorOptions(command));
  addExamples(command, [
    ['gitstore -r data.git restore https://example.com/me/data.git', 'bring everything back'],
    ['gitstore restore -n /mnt/disk/data.git', 'what would change here'],
    ['gitstore restore --ref main me@host:data.git', 'only this branch'],
    ['gitstore restore --ref main:theirs ../data.git', 'as a branch of another name'],
    ['gitstore restore data.bundle', 'from a bundle file'],
  ]);
  command.action(async (url: string, { create, ...options }: RestoreOptions) => {
    const { dryRun = false } = options;
    const work = async (store: GitStore): Promise<MirrorDiff> => {
      const { refs, unreadable } = await store.storage.refs.list(HEADS);
      const isEmpty = refs.length === 0 && unreadable.every(({ kind }) => kind === 'misnamed');
      const diff = await withMirroring(url, options, isVerbose(command), (mirror) =>
        store.restore(url, mirror),
      );
      if (isEmpty && !dryRun) await takeHead(store, diff);
      return diff;
    };
    // What cannot be reached, or has nothing, leaves no new repository behind.
    if (create && !dryRun && !(await isThere(repositoryPath(command)))) {
      const probe = { ...options, dryRun: true };
      const found = await withStore(
        command,
        (store) => withMirroring(url, probe, false, (mirror) => store.restore(url, mirror)),
        { create, dryRun: true, branch: null },
      );
      refuseEmpty(found, url);
    }
    const diff = await withStore(command, work, { create, dryRun, branch: null });
    refuseEmpty(diff, url);
    await printDiff(diff, options, 'Nothing to fetch — already in sync.');
    printLeftOut(diff);
    if (isVerbose(command) && !dryRun) {
      for (const change of diff.changes()) printNote(lineOf(change));
      printNote(`Restored from ${redactUrl(url)}`);
    }
  });
}

/** Whether anything is where the repository is to be. */
async function isThere(location: string): Promise<boolean> {
  if (!isBucketAddress(location)) return existsSync(location);
  const { repositoryExists } = await import('../repository/destruction.ts');
  return repositoryExists(location);
}

/** Nothing came, and not since all is here already. */
function refuseEmpty(diff: MirrorDiff, url: string): void {
  if (!diff.isEmptySource) return;
  printLeftOut(diff);
  const message = `Nothing to restore: ${redactUrl(url)} has no branches, tags or notes`;
  throw new GitStoreError(message, 'ENOENT');
}

/** In a repository that had no branch the current one is the one that it is there. */
async function takeHead(store: GitStore, { remoteHead, add }: MirrorDiff): Promise<void> {
  if (remoteHead === undefined || !add.some(({ ref }) => ref === remoteHead)) return;
  await store.branches.setCurrent(remoteHead.slice(HEADS.length));
}
