/** The tags of a store. */
import { KeyExistsError, StaleSnapshotError } from '../errors.ts';
import { validateRefName } from '../git/refName.ts';
import type { StoreContext } from './context.ts';
import { FS } from './fs.ts';
import { RefMap } from './refMap.ts';

export class Tags extends RefMap {
  /** @internal */
  constructor(store: StoreContext) {
    super(store, 'tag');
  }

  /**
   * Makes a tag that stands for a snapshot of this store (a lightweight one, in Git's words).
   * @param options.force move a tag of this name that exists
   * @returns the snapshot as that tag's, read-only
   * @throws KeyExistsError when there is a tag of this name, without `force`
   * @throws InvalidRefNameError
   */
  async set(name: string, fs: FS, options: { force?: boolean | undefined } = {}): Promise<FS> {
    const { store } = this;
    validateRefName(name);
    const { id, commit } = this.snapshotToSet(fs);
    const { force = false } = options;
    const old = force ? undefined : null;
    const reflog = { who: store.signature(), message: force ? 'tag: set' : 'tag: created' };
    try {
      await store.refs.update([{ ref: this.fullName(name), old, new: id, reflog }]);
    } catch (cause) {
      if (force || !(cause instanceof StaleSnapshotError)) throw cause;
      throw new KeyExistsError(`Tag exists already: ${name}`, { ref: name, cause });
    }
    return FS.of({ store, id, commit, ref: { kind: 'tag', name } });
  }
}
