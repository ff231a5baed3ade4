/** The tags of a store. */
import { StaleSnapshotError } from '../errors.ts';
import { validateRefName } from '../git/refs/refName.ts';
import { checkOptions } from '../optionTypes.ts';
import { collision, parentNames } from '../storage/refRules.ts';
import { tagExists, tagUpdate } from './commit/commit.ts';
import type { StoreContext } from './context/context.ts';
import { FS } from './fs.ts';
import { RefMap } from './refMap.ts';

export class Tags extends RefMap {
  /** @internal */
  constructor(store: StoreContext) {
    super(store, 'tag');
  }

  /**
   * Checks in advance that `set` would accept the name, for a commit that will be tagged once it is made.
   * @throws KeyExistsError, InvalidRefNameError as `set`
   */
  async checkSettable(name: string, options: { force?: boolean | undefined } = {}): Promise<void> {
    validateRefName(name);
    const ref = this.fullName(name);
    const { refs } = this.store;
    if (!options.force && (await refs.get(ref)) !== undefined) {
      throw tagExists(name);
    }
    const listing = await refs.list(`${ref}/`);
    const below = listing.refs[0] ?? listing.unreadable[0];
    if (below !== undefined) throw collision(ref, below.ref);
    for (const parent of parentNames(ref)) {
      if ((await refs.get(parent)) !== undefined) throw collision(ref, parent);
    }
  }

  /**
   * Makes a tag of a snapshot of this store (a lightweight tag, in Git's terms).
   * @param options.force move an existing tag
   * @returns the snapshot of that tag, read-only
   * @throws KeyExistsError when the tag exists, without `force`
   * @throws InvalidRefNameError
   */
  async set(name: string, fs: FS, options: { force?: boolean | undefined } = {}): Promise<FS> {
    const { store } = this;
    checkOptions(options);
    validateRefName(name);
    const { id, commit } = this.snapshotToSet(fs);
    const { force = false } = options;
    try {
      await store.refs.update([tagUpdate({ name, force }, id, store.signature())]);
    } catch (cause) {
      if (force || !(cause instanceof StaleSnapshotError)) throw cause;
      throw tagExists(name, cause);
    }
    return FS.of({ store, id, commit, ref: { kind: 'tag', name } });
  }
}
