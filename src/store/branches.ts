/** The branches of a store. */
import { KeyExistsError, StaleSnapshotError } from '../errors.ts';
import { shortHash } from '../git/objects/commitText.ts';
import { validateRefName } from '../git/refs/refName.ts';
import { checkObject, checkOptions } from '../optionTypes.ts';
import { DELETED_REFS } from '../storage/refRules.ts';
import type { ReflogEntry } from '../storage/storage.ts';
import { type AppendChoices, appendHistory } from './commit/append.ts';
import { writeEmptyCommit } from './commit/emptyCommit.ts';
import type { StoreContext } from './context/context.ts';
import { loadSnapshot, refFolder, THINNED } from './context/snapshot.ts';
import { FS } from './fs.ts';
import { RefMap } from './refMap.ts';
import type { ThinPolicy } from './thinning/retention.ts';
import type { ThinnedSnapshot, ThinOptions } from './thinning/thin.ts';
import { updateBranch } from './update.ts';

export interface SetBranchOptions {
  /** The branch must not exist. */
  readonly create?: boolean | undefined;
}

export interface ThinResult {
  /** The branch's newest snapshot. */
  readonly fs: FS;
  /** The branch's former snapshots, newest first, each with its present counterpart. */
  readonly snapshots: readonly ThinnedSnapshot[];
}

export class Branches extends RefMap {
  /** @internal */
  constructor(store: StoreContext) {
    super(store, 'branch');
  }

  /**
   * Points the branch at a snapshot of this store. Creates a missing branch.
   * @param options.create fail when the branch exists, even a broken one
   * @returns the snapshot, now of that branch
   * @throws KeyExistsError when the branch exists, with `create`
   * @throws InvalidRefNameError
   * @example
   * ```ts
   * const draft = await store.branches.set('draft', await store.fs('main'));
   * await draft.writeText('a.txt', 'only on the draft');
   * ```
   */
  async set(name: string, fs: FS, options: SetBranchOptions = {}): Promise<FS> {
    const { store } = this;
    checkOptions(options);
    validateRefName(name);
    const { id, commit, ref } = this.snapshotToSet(fs);
    const from = ref?.name ?? shortHash(id);
    const { create = false } = options;
    const exists = !create && (await store.refs.has(this.fullName(name)));
    const message = exists ? `branch: Reset to ${from}` : `branch: Created from ${from}`;
    const reflog = { who: store.signature(), message };
    const old = create ? null : undefined;
    try {
      await store.refs.update([{ ref: this.fullName(name), old, new: id, reflog }]);
    } catch (cause) {
      if (!create || !(cause instanceof StaleSnapshotError)) throw cause;
      throw new KeyExistsError(`Branch already exists: ${name}`, { ref: name, cause });
    }
    return FS.of({ store, id, commit, ref: { kind: 'branch', name } });
  }

  /**
   * Points the branch at a new commit without files or parents. Creates a missing branch.
   * @throws as `set`
   */
  async setEmpty(name: string, options: SetBranchOptions = {}): Promise<FS> {
    validateRefName(name);
    return this.set(name, FS.of(await writeEmptyCommit(this.store, name)), options);
  }

  /**
   * Appends the first-parent commits of a snapshot that a branch lacks, each with its own tree, message,
   * author, committer and dates. Nothing is merged: the branch ends with the snapshot's files.
   * @param options.squash one commit with the snapshot's files instead
   * @param options.message with `squash`: its message, default the snapshot's own
   * @returns the branch's newest snapshot, the same commit when there was nothing to append
   * @throws KeyNotFoundError when the branch does not exist
   */
  async append(name: string, fs: FS, options: AppendChoices = {}): Promise<FS> {
    checkOptions(options);
    const source = this.snapshotToSet(fs);
    return updateBranch(this.store, name, async (tip) =>
      FS.of(await appendHistory(FS.snapshotOf(tip), source, options)),
    );
  }

  /**
   * The branch that HEAD names, even one without a commit; null when HEAD names a commit.
   */
  async currentName(): Promise<string | null> {
    const head = await this.store.refs.head();
    const folder = refFolder('branch');
    return 'ref' in head && head.ref.startsWith(folder) ? head.ref.slice(folder.length) : null;
  }

  /**
   * The current branch's snapshot; null when that branch has no commit. When HEAD names a commit, that
   * commit's snapshot, read-only.
   */
  async current(): Promise<FS | null> {
    const head = await this.store.refs.head();
    if ('id' in head) return FS.of(await loadSnapshot(this.store, head.id, null));
    const name = await this.currentName();
    return name === null ? null : ((await this.find(name)) ?? null);
  }

  /**
   * Makes a branch the current one.
   * @throws KeyNotFoundError when it does not exist
   */
  async setCurrent(name: string): Promise<void> {
    await this.require(name);
    await this.store.refs.setHead(this.fullName(name));
  }

  /**
   * Removes snapshots of the branch from its history. Those that the policy keeps form the new history,
   * with their trees, messages, authors and dates. The newest snapshot and tagged ones always stay. Tags
   * and notes move along. The removed snapshots remain in `reflog` until `gc` frees them.
   * @throws KeyNotFoundError when the branch does not exist
   * @throws GitStoreError (`EINVAL`) for a policy that keeps nothing
   */
  async thin(name: string, policy: ThinPolicy, options: ThinOptions = {}): Promise<ThinResult> {
    checkOptions(options);
    checkObject(policy, 'The policy');
    const { thinBranch } = await import('./thinning/thin.ts');
    const { snapshot, line } = await thinBranch(this.store, name, policy, options);
    return { fs: FS.of(snapshot), snapshots: line };
  }

  /**
   * The branch's former values, newest first. Works for a broken branch too, to find its last value.
   * @param options.limit return at most this many entries, the newest ones
   * @throws KeyNotFoundError when it does not exist
   */
  async reflog(name: string, options: { limit?: number | undefined } = {}): Promise<ReflogEntry[]> {
    checkOptions(options);
    if (!(await this.store.refs.has(this.fullName(name)))) this.missing(name);
    const { limit = Number.POSITIVE_INFINITY } = options;
    const entries: ReflogEntry[] = [];
    if (limit <= 0) return entries;
    for await (const entry of this.#log(this.fullName(name))) {
      if (entries.push(entry) >= limit) break;
    }
    return entries;
  }

  /** The log of a branch, including the log from before it was thinned. */
  async *#log(ref: string): AsyncGenerator<ReflogEntry, void, undefined> {
    const { refs } = this.store;
    yield* refs.reflog(ref);
    const { refs: kept } = await refs.list(DELETED_REFS);
    for (const { ref: past } of kept.toReversed()) {
      let isOfBranch: boolean | undefined;
      for await (const entry of refs.reflog(past)) {
        if (isOfBranch) yield entry;
        isOfBranch ??= entry.message === THINNED + ref;
        if (!isOfBranch) break;
      }
    }
  }
}
