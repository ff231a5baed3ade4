/** A store on object storage, as a remote. */
import { createStorage, openStorage } from '../../storage/places.ts';
import type { Storage } from '../../storage/storage.ts';
import type { MirrorOptions } from '../mirrorOptions.ts';
import type { TransferOptions } from '../remote.ts';
import { StorageRemote } from './storageRemote.ts';

export class BucketRemote extends StorageRemote {
  readonly #onRequest: MirrorOptions['onRequest'];

  constructor(location: string, { onRequest }: Pick<MirrorOptions, 'onRequest'>) {
    super(location);
    this.#onRequest = onRequest;
  }

  protected open(): Promise<Storage> {
    return openStorage(this.name, { onRequest: this.#onRequest });
  }

  protected create(branch: string | undefined, { onCreate }: TransferOptions): Promise<Storage> {
    return createStorage(this.name, { branch, onCreate, onRequest: this.#onRequest });
  }
}
