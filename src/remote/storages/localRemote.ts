/** Another repository on this disk, as a remote. */
import { join } from 'node:path';
import { FileNotFoundError, GitStoreError } from '../../errors.ts';
import { existsSync, statSync } from '../../storage/disk/fs.ts';
import { createStorage, openStorage } from '../../storage/places.ts';
import type { Storage } from '../../storage/storage.ts';
import type { TransferOptions } from '../remote.ts';
import { StorageRemote } from './storageRemote.ts';

export class LocalRemote extends StorageRemote {
  protected async open(purpose: 'fetch' | 'push'): Promise<Storage> {
    // Reading from a working tree is safe. Moving its checked-out branch is not.
    const inside = join(this.name, '.git');
    // In linked working trees and submodules `.git` is a file that names the repository.
    const isTree =
      existsSync(join(inside, 'HEAD')) || (existsSync(inside) && statSync(inside).isFile());
    try {
      return await openStorage(purpose === 'fetch' && isTree ? inside : this.name);
    } catch (error) {
      if (error instanceof FileNotFoundError) refuseUrlWithoutScheme(this.name);
      throw error;
    }
  }

  protected create(branch: string | undefined, { onCreate }: TransferOptions): Promise<Storage> {
    return createStorage(this.name, { branch, onCreate });
  }
}

/** Refuses `github.com/me/data.git` when there is no such folder: the user meant a URL. */
function refuseUrlWithoutScheme(path: string): void {
  const host = /^(?:[a-z0-9-]+\.)+[a-z]{2,}(?=[/\\])/i.exec(path)?.[0];
  if (host === undefined || existsSync(host)) return;
  const message = `There is no ${path} here: https://${path} is the URL, ./${path} a new folder`;
  throw new GitStoreError(message, 'EINVAL', { path });
}
