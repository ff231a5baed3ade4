/** Opens a remote by its URL. Loads the code for each transport on demand. */
import { GitStoreError } from '../errors.ts';
import { redactUrl } from '../git/wire/redactUrl.ts';
import { absolutePath } from '../storage/disk/fs.ts';
import type { Storage } from '../storage/storage.ts';
import type { Connector } from './connections/connection.ts';
import type { MirrorOptions } from './mirrorOptions.ts';
import type { Remote } from './remote.ts';
import { parseRemoteUrl, type RemoteAddress } from './remoteUrl.ts';
import type { Secrets } from './secrets.ts';

/**
 * @param storage the store to back up or restore
 * @param secrets collects the passwords used
 * @throws GitStoreError (`EINVAL`) for an unsupported URL, or an option that does not apply to it
 */
export async function openRemote(
  url: string,
  storage: Storage,
  secrets: Secrets,
  options: MirrorOptions,
): Promise<Remote> {
  const address = parseRemoteUrl(url, options.format);
  if (options.squash && address.kind !== 'bundle') {
    throw new GitStoreError('Only a bundle can be squashed: its path ends in .bundle', 'EINVAL');
  }
  if (address.kind === 'bundle') {
    const { BundleRemote } = await import('./bundleRemote.ts');
    return new BundleRemote(address.path, options.bundleVersion);
  }
  if (address.kind === 'bucket') {
    const { BucketRemote } = await import('./storages/bucketRemote.ts');
    return new BucketRemote(address.location, options);
  }
  if (address.kind === 'local') {
    const { LocalRemote } = await import('./storages/localRemote.ts');
    return new LocalRemote(address.path);
  }
  const { WireRemote } = await import('./wire/wireRemote.ts');
  return new WireRemote(await connectorFor(address, redactUrl(url), storage, secrets, options));
}

async function connectorFor(
  address: Exclude<RemoteAddress, { kind: 'bundle' | 'local' | 'bucket' }>,
  name: string,
  storage: Storage,
  secrets: Secrets,
  { signal, onMessage, onAuth }: MirrorOptions,
): Promise<Connector> {
  const folder = storage.folder ?? absolutePath('.');
  switch (address.kind) {
    case 'http': {
      const { HttpConnector } = await import('./connections/http.ts');
      return new HttpConnector(address.url, { folder, secrets, signal, onAuth });
    }
    case 'ssh': {
      const { SshConnector } = await import('./connections/ssh.ts');
      return new SshConnector(address, name, folder, signal, onMessage);
    }
    case 'git': {
      const { TcpConnector } = await import('./connections/tcp.ts');
      return new TcpConnector(address, name, signal);
    }
  }
}
