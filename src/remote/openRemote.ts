/** Finds the way to a remote by its URL. The code for each way is loaded when it is taken. */
import { GitStoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { MirrorOptions } from './mirror.ts';
import type { Remote } from './remote.ts';
import { parseRemoteUrl } from './remoteUrl.ts';

/**
 * @param storage the store that is backed up or restored
 * @throws GitStoreError (`EINVAL`) for a URL that cannot be used, or an option that does not go with it
 */
export async function openRemote(
  url: string,
  storage: Storage,
  options: MirrorOptions,
): Promise<Remote> {
  void storage;
  const address = parseRemoteUrl(url, options.format);
  if (options.squash && address.kind !== 'bundle') {
    throw new GitStoreError('Only a bundle can be squashed: its path ends in .bundle', 'EINVAL');
  }
  switch (address.kind) {
    case 'bundle': {
      const { BundleRemote } = await import('./bundleRemote.ts');
      return new BundleRemote(address.path, options.bundleVersion);
    }
    case 'local': {
      const { LocalRemote } = await import('./localRemote.ts');
      return new LocalRemote(address.path);
    }
    default:
      throw new GitStoreError(`Not a path: ${url}`, 'EUNSUPPORTED');
  }
}
