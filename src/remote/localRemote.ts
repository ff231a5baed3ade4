/** Another repository on this disk, as a remote. */
import { join } from 'node:path';
import { FileNotFoundError, GitStoreError } from '../errors.ts';
import { parseConfig } from '../git/config.ts';
import { createBareStorage, openBareStorage } from '../storage/bare/bareStorage.ts';
import { readConfigText } from '../storage/bare/repositoryConfig.ts';
import { existsSync, statSync } from '../storage/disk/fs.ts';
import type { Storage } from '../storage/storage.ts';
import type { RefChange } from './mirrorDiff.ts';
import type { RefusedRefs, TransferOptions } from './remote.ts';
import { StorageRemote } from './storageRemote.ts';

const HEADS = 'refs/heads/';

export class LocalRemote extends StorageRemote {
  /** Branches that Git's own push would not be let delete there either. */
  protected override async deniedDeletions(
    to: Storage,
    deletions: readonly RefChange[],
  ): Promise<RefusedRefs> {
    const branches = deletions.filter(({ ref }) => ref.startsWith(HEADS));
    if (branches.length === 0) return new Map();
    const config = parseConfig(readConfigText(this.name));
    if (config.getBool('receive.denyDeletes')) {
      return new Map(branches.map(({ ref }) => [ref, 'deletion prohibited']));
    }
    const policy = config.get('receive.denyDeleteCurrent') ?? 'refuse';
    const isDenied =
      !/^(ignore|warn)$/i.test(policy) &&
      (/^refuse$/i.test(policy) || config.getBool('receive.denyDeleteCurrent'));
    const head = await to.refs.head();
    if (!isDenied || !('ref' in head)) return new Map();
    const current = branches.filter(({ ref }) => ref === head.ref);
    return new Map(current.map(({ ref }) => [ref, 'deletion of the current branch prohibited']));
  }

  protected async open(purpose: 'fetch' | 'push'): Promise<Storage> {
    // Reading from a working tree harms nobody; moving the branch that it shows would.
    const inside = join(this.name, '.git');
    // In linked working trees and submodules `.git` is a file, which leads to the repository.
    const isTree =
      existsSync(join(inside, 'HEAD')) || (existsSync(inside) && statSync(inside).isFile());
    try {
      return await openBareStorage(purpose === 'fetch' && isTree ? inside : this.name);
    } catch (error) {
      if (error instanceof FileNotFoundError) refuseUrlWithoutScheme(this.name);
      throw error;
    }
  }

  protected create(branch: string | undefined, { onCreate }: TransferOptions): Promise<Storage> {
    return createBareStorage(this.name, { branch, onCreate });
  }
}

/** `github.com/me/data.git`, where there is no such folder: a URL was meant, and not a copy on this disk. */
function refuseUrlWithoutScheme(path: string): void {
  const host = /^(?:[a-z0-9-]+\.)+[a-z]{2,}(?=[/\\])/i.exec(path)?.[0];
  if (host === undefined || existsSync(host)) return;
  const message = `There is no ${path} here: https://${path} is the URL, ./${path} a new folder`;
  throw new GitStoreError(message, 'EINVAL', { path });
}
