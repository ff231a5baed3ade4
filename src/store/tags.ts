/** The tags of a store. */
import { StaleSnapshotError } from '../errors.ts';
import { validateRefName } from '../git/refName.ts';
import { checkOptions } from '../optionTypes.ts';
import { collision, parentNames } from '../storage/refRules.ts';
import { tagExists, tagUpdate } from './commit.ts';
import type { StoreContext } from './context.ts';
import { FS } from './fs.ts';
import { RefMap } from './refMap.ts';

export class Tags extends RefMap {
  /** @internal */
  constructor(store: StoreContext) {
    super(store, 'tag');
  }

  /**
   * Checks that `set` will take the name, as far as that can be known before: for a commit that is to
   * be tagged as soon as it is made.
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
   * Makes a tag that stands for a snapshot of this store (a lightweight one, in Git's words).
   * @param options.force move a tag of this name that exists
   * @returns the snapshot as that tag's, read-only
   * @throws KeyExistsError when there is a tag of this name, without `force`
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
