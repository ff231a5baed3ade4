/** The store: opening it, its branches and tags, and operations on it as a whole. */
import { monotonicTime } from '../clock.ts';
import { type GcMessage, tell } from '../diagnostics.ts';
import { StaleSnapshotError } from '../errors.ts';
import { firstLine, messageOf } from '../git/objects/commitText.ts';
import { validateRefName } from '../git/refs/refName.ts';
import { INSPECT } from '../inspected.ts';
import type { GcOptions, GcResult } from '../maintenance/gc.ts';
import type { MaintenanceOptions, PackResult } from '../maintenance/pack.ts';
import type { VerifyReport } from '../maintenance/verify.ts';
import { addressOf, checkObject, checkOptions } from '../optionTypes.ts';
import type { MirrorDiff } from '../remote/mirrorDiff.ts';
import type { MirrorOptions } from '../remote/mirrorOptions.ts';
import { createStorage, openStorage } from '../storage/places.ts';
import { isPrivate } from '../storage/refRules.ts';
import type { ByteRange, RefEntry, Storage } from '../storage/storage.ts';
import { Branches } from './branches.ts';
import { writeEmptyCommit } from './commit/emptyCommit.ts';
import { StoreContext } from './context/context.ts';
import { GivenPaths, listOf } from './context/givenPaths.ts';
import { loadSnapshot, ofStore, refFolder } from './context/snapshot.ts';
import { FS } from './fs.ts';
import { ancestorOf } from './history/history.ts';
import type { LogFilter } from './history/log.ts';
import { walkAll } from './history/logAll.ts';
import { allSummaries, type SnapshotSummary } from './history/summaries.ts';
import { Notes } from './notes.ts';
import { type OpenOptions, type StoreOptions, storageChoices } from './openOptions.ts';
import { hasBlob, readByHash } from './read/read.ts';
import { resolveSnapshot } from './refs/resolve.ts';
import { Tags } from './tags.ts';
import type { ForgetOptions, Forgotten } from './thinning/forget.ts';
import { type UpdateOptions, updateBranch } from './update.ts';

/**
 * A versioned file system in a bare Git repository. After `close()` all its methods, and those of its
 * snapshots, branches and tags, throw `BatchClosedError`.
 */
export class GitStore implements AsyncDisposable {
  readonly branches: Branches;
  readonly tags: Tags;
  readonly notes: Notes;
  /** @internal */
  readonly context: StoreContext;

  private constructor(context: StoreContext) {
    this.context = context;
    this.branches = new Branches(context);
    this.tags = new Tags(context);
    this.notes = new Notes(context);
  }

  /**
   * Opens or creates a repository at a path, any bare one or the `.git` folder of another; or a store on
   * object storage at `s3://BUCKET/PREFIX`. `?endpoint=URL&region=NAME&path-style` overrides variables
   * (`AWS_ENDPOINT_URL_S3`, `AWS_REGION`) and profiles, which also hold the credentials.
   * @throws FileNotFoundError when it is missing and `create` is false
   * @throws InvalidRefNameError for an invalid name of the first branch
   * @throws GitStoreError (`EINVAL`) for an option out of range or a malformed address; (`EENGINE`) when
   *   it would create a store on object storage without reliable conditional writes
   * @throws RemoteError when the object storage refuses, UnreachableError when it does not answer
   * @example
   * ```ts
   * await using store = await GitStore.open('data.git');
   * const fs = await store.fs('main');
   * console.log(await fs.ls());
   * ```
   */
  static async open(address: string | URL, options: OpenOptions = {}): Promise<GitStore> {
    checkOptions(options);
    const path = addressOf(address, 'The path of a store');
    const { create = true, branch, onCreate } = options;
    if (branch != null) validateRefName(branch);
    const choices = storageChoices(options);
    const storage = create
      ? await createStorage(path, { ...choices, onCreate, ...(branch != null && { branch }) })
      : await openStorage(path, choices);
    return GitStore.over(storage, create ? options : { ...options, branch: null });
  }

  /**
   * A store over a storage of any kind. `close()` closes the storage.
   * @throws InvalidRefNameError for an invalid name of the first branch
   */
  static async over(storage: Storage, options: StoreOptions = {}): Promise<GitStore> {
    checkObject(storage, 'The storage');
    checkOptions(options);
    if (options.branch != null) validateRefName(options.branch);
    const store = new GitStore(new StoreContext(storage, options));
    try {
      if (options.branch !== null) await store.#begin(options.branch);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  /** `GitStore(path)`. */
  toString(): string {
    return `GitStore(${this.path})`;
  }

  toJSON(): { path: string } {
    return { path: this.path };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  /** @internal What is below the store. @throws BatchClosedError when it is closed */
  get storage(): Storage {
    return this.context.storage;
  }

  /**
   * @internal The snapshot as one of this store, which may have been opened several times.
   * @throws GitStoreError (`EINVAL`) for a snapshot of another store
   */
  own(fs: FS): FS {
    return FS.of(ofStore(this.context, FS.snapshotOf(fs)));
  }

  /** @internal The snapshot of a commit, whatever refs are named like its id. */
  async snapshotOf(id: string): Promise<FS> {
    return FS.of(await loadSnapshot(this.context, id, null));
  }

  /** @internal Refs by their full names. Reports unreadable ones as warnings. */
  listRefs(prefix: string): Promise<readonly RefEntry[]> {
    return this.context.listRefs(prefix);
  }

  /** The store's location: for one on disk, the repository's directory. */
  get path(): string {
    return this.context.location;
  }

  /**
   * The snapshot of a branch, else of a tag, else of the commit with this hash, full or abbreviated to at
   * least 4 digits.
   * @param options.back how many first parents to go back from there
   * @throws KeyNotFoundError when none exists, or the history is shorter
   * @throws GitStoreError (`EAMBIGUOUS`) for a short hash that matches several commits
   * @example
   * ```ts
   * const now = await store.fs('main');
   * const before = await store.fs('main', { back: 1 });
   * ```
   */
  async fs(ref: string, options: { back?: number | undefined } = {}): Promise<FS> {
    checkOptions(options);
    const snapshot = await resolveSnapshot(this.context, ref);
    const { back } = options;
    return FS.of(back === undefined ? snapshot : await ancestorOf(snapshot, back));
  }

  /**
   * The commits of all branches that pass the filters, newest first, without duplicates. Follows all parents
   * of merges. The snapshots are read-only.
   */
  log(filter: LogFilter = {}): AsyncGenerator<FS, void, undefined> {
    return walkAll(
      this.context,
      () => tipsOf(this.branches),
      filter,
      (snapshot) => FS.of(snapshot),
    );
  }

  /** The commits of `log` as a list shows them: see `FS.summaries`. */
  async *summaries(filter: LogFilter = {}): AsyncGenerator<SnapshotSummary, void, undefined> {
    for await (const block of this.summaryBlocks(filter)) yield* block;
  }

  /** The same in blocks, which costs less. @internal */
  summaryBlocks(
    filter: LogFilter = {},
  ): AsyncGenerator<readonly SnapshotSummary[], void, undefined> {
    checkOptions(filter);
    return allSummaries(this.context, () => tipsOf(this.branches), filter);
  }

  /**
   * Changes a branch with concurrent writers: passes its newest snapshot to `change`, which commits to it
   * and returns the result. Runs `change` again on `StaleSnapshotError`, after pauses of 10 to 200 ms.
   * @throws KeyNotFoundError for a missing branch
   * @throws StaleSnapshotError when the last attempt fails too
   * @example
   * ```ts
   * await store.update('main', async (fs) => {
   *   const count = Number(await fs.readText('count'));
   *   return fs.writeText('count', String(count + 1));
   * });
   * ```
   */
  async update(
    branch: string,
    change: (fs: FS) => Promise<FS>,
    options: UpdateOptions = {},
  ): Promise<FS> {
    return updateBranch(this.context, branch, change, options);
  }

  /**
   * The bytes of a blob, or a part of them, by its full hash.
   * @throws FileNotFoundError when the store lacks the blob
   */
  async readByHash(hash: string, range?: ByteRange): Promise<Uint8Array> {
    return readByHash(this.context, hash, range);
  }

  /** Whether the store has a blob of this full hash. */
  async hasHash(hash: string): Promise<boolean> {
    return hasBlob(this.context, hash);
  }

  /**
   * Combines loose objects and many small packs into one pack. Removes no objects. Safe beside readers
   * and writers of any process.
   * @throws LockTimeoutError when another process packs or collects, including `git gc`
   */
  async pack(options?: MaintenanceOptions): Promise<PackResult> {
    checkOptions(options);
    const { packStore } = await import('../maintenance/pack.ts');
    const began = monotonicTime();
    const result = await packStore(this.context.storage, options);
    this.#tellGc('pack', result, began);
    return result;
  }

  /**
   * Writes everything reachable from refs, reflogs and HEADs into one well compressed pack, and removes
   * objects that were unreachable for 14 days (`prune`). Safe beside readers and writers of any process;
   * only `prune: 'now'` must not run beside a writer.
   * @throws LockTimeoutError when another process packs or collects, including `git gc`
   * @throws CorruptObjectError when a reachable object is missing or broken; nothing is removed then
   * @throws GitStoreError (`EINVAL`) for a malformed `prune`
   */
  async gc(options: GcOptions = {}): Promise<GcResult> {
    checkOptions(options);
    const { collectStore } = await import('../maintenance/gc.ts');
    const began = monotonicTime();
    const result = await collectStore(this.context.storage, options, this.context.now());
    this.#tellGc('gc', result, began);
    return result;
  }

  /**
   * Makes a remote equal to this store: pushes every branch, tag and note, and deletes all others there.
   * With `refs` pushes only these, and deletes none. Sends only objects that the remote lacks. An
   * interrupted backup leaves both sides valid; the next run completes it.
   * @param url `https://`, `http://`, `ssh://`, `git://`, `user@host:path`, `s3://BUCKET/PREFIX` or
   *   the path of a repository (both made when missing), or the path of a `.bundle` file
   * @returns the changes at the remote, or with `dryRun` those that would be made
   * @throws RemoteError when it cannot be reached, or refuses; ProtocolError when it violates Git's
   *   protocol; KeyNotFoundError for a missing ref
   * @example
   * ```ts
   * const { add, update } = await store.backup('https://example.com/me/data.git', {
   *   onAuth: () => ({ username: 'me', password: 'a token' }),
   * });
   * ```
   */
  async backup(url: string | URL, options: MirrorOptions = {}): Promise<MirrorDiff> {
    checkOptions(options);
    const given = new GivenPaths();
    const address = given.remote(url);
    const { backup } = await import('../remote/mirror.ts');
    const { onCreate } = options;
    const told = onCreate && ((path: string) => onCreate(given.told(path)));
    return given.while(() =>
      backup(this.context.storage, address, this.context.signature(), {
        ...options,
        onCreate: told,
      }),
    );
  }

  /**
   * Fetches the branches, tags and notes of a remote into this store, or those of `refs`: adds and updates,
   * never deletes, and leaves HEAD alone. Verifies every received object, and that none is missing, before
   * it moves all refs together.
   * @param url as for `backup`
   * @returns the changes in the store, or with `dryRun` those that would be made
   * @throws RemoteError ProtocolError KeyNotFoundError as `backup`; CorruptObjectError when received
   *   objects are broken or incomplete; StaleSnapshotError when another writer moved a ref meanwhile
   * @example
   * ```ts
   * await store.restore('backup.bundle', { refs: ['main'] });
   * ```
   */
  async restore(url: string | URL, options: MirrorOptions = {}): Promise<MirrorDiff> {
    checkOptions(options);
    const given = new GivenPaths();
    const address = given.remote(url);
    const { restore } = await import('../remote/mirror.ts');
    const diff = await given.while(() =>
      restore(this.context.storage, address, this.context.signature(), options),
    );
    if (options.dryRun !== true) this.context.wrote();
    return diff;
  }

  /**
   * Writes refs and everything reachable from them into a bundle file, for `git clone`, `git fetch` and
   * `bundleImport`. Replaces an existing file once the new one is complete.
   * @param options.refs default: every branch, tag and note
   * @param options.squash one commit without parents for each ref
   * @throws KeyNotFoundError for a missing ref
   */
  async bundleExport(
    file: string | URL,
    options: Pick<MirrorOptions, 'refs' | 'squash' | 'signal' | 'onProgress'> = {},
  ): Promise<void> {
    await this.backup(file, { ...options, format: 'bundle' });
  }

  /**
   * Imports the refs of a bundle file into this store, as `restore` does.
   * @throws GitStoreError (`EPREREQUISITE`) when the bundle builds on commits that the store lacks
   */
  async bundleImport(
    file: string | URL,
    options: Pick<MirrorOptions, 'refs' | 'signal' | 'onProgress'> = {},
  ): Promise<void> {
    await this.restore(file, { ...options, format: 'bundle' });
  }

  /**
   * Removes files and directories, such as a secret or a video, from every snapshot of the branches. All
   * commits that held one, and those after them, get new ids; tags and notes move along. The next
   * `gc({ prune: 'now' })` removes the old commits. Backups and clones still hold them.
   * @throws KeyNotFoundError for a missing branch, and when no snapshot holds such a path
   */
  async forget(paths: string | readonly string[], options: ForgetOptions = {}): Promise<Forgotten> {
    checkOptions(options);
    const { forgetPaths } = await import('./thinning/forget.ts');
    return forgetPaths(this.context, listOf(paths), options);
  }

  /**
   * Reads and checks everything in the store, as thoroughly as `git fsck --strict`: every copy of every
   * object against its id and format, checksums of packs and indexes, and that everything reachable from
   * refs, reflogs and HEADs exists. Returns faults in the report.
   */
  async verify(options?: MaintenanceOptions): Promise<VerifyReport> {
    checkOptions(options);
    const { verifyStore } = await import('../maintenance/verify.ts');
    return verifyStore(this.context.storage, options);
  }

  /** Releases files, locks and threads. */
  async close(): Promise<void> {
    await this.context.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tellGc(kind: GcMessage['kind'], { before, after }: PackResult, began: number): void {
    const milliseconds = monotonicTime() - began;
    tell('gitstore:gc', () => ({ store: this.path, kind, before, after, milliseconds }));
  }

  /** Makes the first commit of a store without refs. */
  async #begin(branch: string | undefined): Promise<void> {
    const { refs } = this.context;
    const { refs: entries, unreadable } = await refs.list('refs/');
    if (unreadable.length > 0 || !entries.every(({ ref }) => isPrivate(ref))) return;
    const head = await refs.head();
    if ('id' in head) return;
    const folder = refFolder('branch');
    const ref = branch === undefined ? head.ref : folder + branch;
    const { id, commit, who } = await writeEmptyCommit(this.context, ref.slice(folder.length));
    const message = `commit (initial): ${firstLine(messageOf(commit))}`;
    const reflog = { who, message };
    try {
      await refs.update([{ ref, old: null, new: id, reflog }]);
    } catch (error) {
      // Another process has opened the same new store and was faster.
      if (!(error instanceof StaleSnapshotError)) throw error;
    }
    if (head.ref !== ref) await refs.setHead(ref);
  }
}

async function tipsOf(branches: Branches): Promise<string[]> {
  const hashes: string[] = [];
  for await (const fs of branches.values()) hashes.push(fs.commitHash);
  return hashes;
}
