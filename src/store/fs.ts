/** `FS`, the face of a snapshot: what users read, write and walk through history with. */

import type {
  ArchiveInOptions,
  ArchiveOutOptions,
  ArchiveSink,
  ArchiveSource,
} from '../archive/options.ts';
import { GitStoreError } from '../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import { messageOf, shortHash } from '../git/objects/commitText.ts';
import { validateRefName } from '../git/refs/refName.ts';
import { INSPECT } from '../inspected.ts';
import {
  checkFunction,
  checkList,
  checkObject,
  checkOptions,
  checkText,
  type LocalName,
  localName,
  shown,
} from '../optionTypes.ts';
import type { ByteRange } from '../storage/storage.ts';
import type { CopyInOptions, CopyOptions } from '../transfer/rules/options.ts';
import type { ChangeReport } from '../tree/changes.ts';
import { globTree } from '../tree/glob.ts';
import { normalizePath } from '../tree/paths.ts';
import { type FileType, fileTypeOf } from '../tree/types.ts';
import { type ApplyChanges, applyChanges } from './apply.ts';
import type { StoredArchive } from './archives/archiveIn.ts';
import { Batch } from './batch.ts';
import type { CommitChoices, Outcome } from './commit/commit.ts';
import { literalMessage } from './commit/message.ts';
import type {
  CommitOptions,
  MergeOptions,
  PickOptions,
  ReshapeOptions,
  WriteOptions,
} from './commitOptions.ts';
import { checkStaleWrites } from './context/context.ts';
import type { FileData } from './context/data.ts';
import { GivenPaths, listOf } from './context/givenPaths.ts';
import { type SignOptions, signingOf } from './context/signers.ts';
import { ofStore, type Snapshot } from './context/snapshot.ts';
import type { BlameLine } from './history/blame.ts';
import type { FindOptions, FoundPath } from './history/find.ts';
import type { GrepMatch, GrepOptions } from './history/grep.ts';
import { ancestorOf, parentOf, squash } from './history/history.ts';
import { type LogFilter, walkLog } from './history/log.ts';
import { type SnapshotSummary, summariesOf } from './history/summaries.ts';
import { redo, undo } from './history/undo.ts';
import { type Difference, type DiffOptions, diffSnapshots } from './read/diff.ts';
import type { FilePatch, PatchOptions } from './read/patch.ts';
import type { StatResult, WalkEntry, WalkStep } from './read/read.ts';
import * as reading from './read/read.ts';
import { resolveSnapshot } from './refs/resolve.ts';
import { copyFromDisk, copyFromSnapshots, copyToDisk, type SnapshotSources } from './write/copy.ts';
import { movePaths, removePaths } from './write/move.ts';
import { type FileSource, writeFile } from './write/write.ts';
import { Writer } from './writer.ts';

/** Makes the changes of a batch. */
export type FillBatch = (batch: Batch) => Promise<void> | void;

/** The JSON form of a snapshot. */
export interface SnapshotJson {
  readonly refName: string | null;
  readonly writable: boolean;
  readonly commitHash: string;
  readonly treeHash: string;
  readonly parentHashes: readonly string[];
  readonly authorName: string;
  readonly authorEmail: string;
  /** ISO 8601. */
  readonly time: string;
  readonly message: string;
}

/** Sources of a copy in one snapshot. */
export interface RefSources {
  /** A snapshot, or the name of a branch or tag, or a hash. */
  readonly source: FS | string;
  /** In the same forms as for `copyIn`. */
  readonly paths: readonly string[];
}

/**
 * An immutable snapshot of a store: one commit, and the ref it was reached by.
 *
 * Names in paths are separated by `/`; a leading `/` is ignored, `''` is the root. Links are not
 * followed: reading one returns its target, and a path through one does not exist. Methods that write
 * commit to the snapshot's branch and return the new snapshot; this one does not change. They throw
 * `PermissionError` when the snapshot came from a tag or a hash, and `StaleSnapshotError` when the branch
 * is no longer at this snapshot (see `staleWrites`). A write that changes nothing makes no commit, unless
 * it has extra parents to record.
 */
export class FS {
  /** Changes made by the operation that returned this snapshot, or that a dry run would make. */
  readonly changes: ChangeReport | null;
  readonly #snapshot: Snapshot;

  private constructor(snapshot: Snapshot, changes: ChangeReport | null) {
    this.#snapshot = snapshot;
    this.changes = changes;
  }

  /** @internal */
  static of(snapshot: Snapshot, changes: ChangeReport | null = null): FS {
    return new FS(snapshot, changes);
  }

  /** @internal @throws GitStoreError (`EINVAL`) for any other value */
  static snapshotOf(fs: FS): Snapshot {
    if (typeof fs === 'object' && fs !== null && #snapshot in fs) return fs.#snapshot;
    throw new GitStoreError(`Expected an FS, not ${shown(fs)}`, 'EINVAL');
  }

  /** `FS(main@1a2b3c4)`: the branch or tag, and the commit. */
  toString(): string {
    const { ref, id } = this.#snapshot;
    return `FS(${ref === null ? '' : `${ref.name}@`}${shortHash(id)})`;
  }

  /** The commit, without its files. */
  toJSON(): SnapshotJson {
    const { refName, writable, commitHash, treeHash, parentHashes } = this;
    const { authorName, authorEmail, message, time } = this;
    return {
      ...{ refName, writable, commitHash, treeHash, parentHashes },
      ...{ authorName, authorEmail, time: time.toISOString(), message },
    };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  get commitHash(): string {
    return this.#snapshot.id;
  }

  get treeHash(): string {
    return this.#snapshot.commit.tree;
  }

  /** The branch or tag by which this snapshot was reached; null for a commit given by hash. */
  get refName(): string | null {
    return this.#snapshot.ref?.name ?? null;
  }

  /** Whether the snapshot was reached by a branch. */
  get writable(): boolean {
    return this.#snapshot.ref?.kind === 'branch';
  }

  /** The commit's message without trailing line ends. */
  get message(): string {
    return messageOf(this.#snapshot.commit);
  }

  /** The time of the commit, to the second. */
  get time(): Date {
    return new Date(this.#snapshot.commit.committer.time * 1000);
  }

  /** The committer's time zone, in minutes east of UTC. */
  get timezoneOffset(): number {
    return this.#snapshot.commit.committer.offset;
  }

  get authorName(): string {
    return this.#snapshot.commit.author.name;
  }

  get authorEmail(): string {
    return this.#snapshot.commit.author.email;
  }

  /** The author's time; of a picked commit, that of the original. */
  get authorTime(): Date {
    return new Date(this.#snapshot.commit.author.time * 1000);
  }

  /** The author's time zone, in minutes east of UTC. */
  get authorTimezoneOffset(): number {
    return this.#snapshot.commit.author.offset;
  }

  /** Name of the committer; usually the author. */
  get committerName(): string {
    return this.#snapshot.commit.committer.name;
  }

  get committerEmail(): string {
    return this.#snapshot.commit.committer.email;
  }

  get parentHashes(): readonly string[] {
    return this.#snapshot.commit.parents;
  }

  /**
   * A file's bytes, or a part of them. The range is clamped at the end.
   * @throws FileNotFoundError, IsADirectoryError, NotADirectoryError
   * @throws GitStoreError (`EINVAL`) for a range that is negative or fractional
   * @example
   * ```ts
   * const bytes = await fs.read('photo.jpg');
   * const head = await fs.read('photo.jpg', { size: 16 });
   * ```
   */
  async read(path: string, range?: ByteRange): Promise<Uint8Array> {
    const bytes = range === undefined ? reading.tryReadFile(this.#snapshot, path) : undefined;
    return bytes ?? reading.readFile(this.#snapshot, path, range);
  }

  /**
   * A file's text. Bytes that are invalid in the encoding become U+FFFD.
   * @param encoding a name that Node's `Buffer` or `TextDecoder` knows
   * @example
   * ```ts
   * const settings = JSON.parse(await fs.readText('settings.json'));
   * ```
   */
  async readText(path: string, encoding = 'utf-8'): Promise<string> {
    return reading.readText(this.#snapshot, path, encoding);
  }

  /**
   * A file's bytes, or a part of them, as a stream, in memory that does not grow with the file. Errors,
   * including a missing file, fail the stream.
   */
  readStream(path: string, range?: ByteRange): ReadableStream<Uint8Array> {
    return reading.streamFile(this.#snapshot, path, range);
  }

  /** As `GitStore.readByHash`. */
  async readByHash(hash: string, range?: ByteRange): Promise<Uint8Array> {
    return reading.readByHash(this.#snapshot.store, hash, range);
  }

  /** The literal target of a symbolic link. @throws GitStoreError (`EINVAL`) for a file */
  async readlink(path: string): Promise<string> {
    return reading.readLink(this.#snapshot, path);
  }

  /** Whether a file, a link or a directory exists at the path. */
  async exists(path: string): Promise<boolean> {
    return (await this.#lookup(path)) !== undefined;
  }

  async isDir(path: string): Promise<boolean> {
    const entry = await this.#lookup(path);
    return entry !== undefined && fileTypeOf(entry.mode) === 'tree';
  }

  /** @throws FileNotFoundError, NotADirectoryError */
  async fileType(path: string): Promise<FileType> {
    return fileTypeOf((await reading.requireEntry(this.#snapshot, path)).mode);
  }

  /** A file's size in bytes, without reading it. @throws IsADirectoryError, FileNotFoundError */
  async size(path: string): Promise<number> {
    const { id } = await reading.requireFile(this.#snapshot, path);
    return reading.blobSize(this.#snapshot.store, id, path);
  }

  /** The id of the blob or tree at the path. @throws FileNotFoundError */
  async objectHash(path: string): Promise<ObjectId> {
    return (await reading.requireEntry(this.#snapshot, path)).id;
  }

  /** @throws FileNotFoundError, NotADirectoryError */
  async stat(path = ''): Promise<StatResult> {
    return reading.statEntry(this.#snapshot, path);
  }

  /**
   * The names in a directory, sorted; with `recursive` the full paths of all files and links below.
   * @throws NotADirectoryError, FileNotFoundError
   */
  async ls(path = '', options: { recursive?: boolean | undefined } = {}): Promise<string[]> {
    checkOptions(options);
    return reading.listNames(this.#snapshot, path, options.recursive === true);
  }

  /** The entries of a directory, sorted by name. @throws NotADirectoryError, FileNotFoundError */
  async listdir(path = ''): Promise<WalkEntry[]> {
    return reading.listEntries(this.#snapshot, path);
  }

  /**
   * Walks a directory and everything below it, parents first. Removing a name from `dirnames` skips that
   * directory.
   */
  walk(path = ''): AsyncIterable<WalkStep> {
    return reading.walkTree(this.#snapshot, path);
  }

  /**
   * The paths that match a pattern, sorted: `*`, `?`, `[…]` within a name, `**` for any number of
   * directories. Matches files and directories. A leading dot must be in the pattern.
   */
  async glob(pattern: string): Promise<string[]> {
    checkText(pattern, 'A pattern');
    return reading.globPaths(this.#snapshot, pattern);
  }

  /** As `glob`, but yields each path as soon as it is found. */
  iglob(pattern: string): AsyncIterable<string> {
    checkText(pattern, 'A pattern');
    return globTree(this.#snapshot.store.trees, this.#snapshot.commit.tree, pattern);
  }

  /**
   * The files that differ between this snapshot and `other`: `A` is only in `other`, `D` only here. Both
   * must be of the same store.
   * @example
   * ```ts
   * const before = await fs.back();
   * for await (const { path, status } of before.diff(fs)) console.log(status, path);
   * ```
   */
  diff(other: FS, options: DiffOptions = {}): AsyncIterable<Difference> {
    checkOptions(options);
    return diffSnapshots(this.#snapshot, FS.snapshotOf(other), options);
  }

  /**
   * The same line by line: the hunks of a unified diff for each file that differs. Binary files, and those
   * of more than 64 MiB, are only marked as such.
   */
  async *patches(
    other: FS,
    options: PatchOptions = {},
  ): AsyncGenerator<FilePatch, void, undefined> {
    checkOptions(options);
    const { patchesBetween } = await import('./read/patch.ts');
    const { store } = this.#snapshot;
    const { commit } = ofStore(store, FS.snapshotOf(other));
    yield* patchesBetween(store, this.#snapshot.commit.tree, commit.tree, options);
  }

  /**
   * The files with lines that match a regular expression, or with `fixed` a text; with `history` every
   * version of them in the history, each with the newest commit that holds it.
   * @throws GitStoreError (`EINVAL`) for an invalid regular expression
   */
  async *grep(
    pattern: string | RegExp,
    options: GrepOptions = {},
  ): AsyncGenerator<GrepMatch, void, undefined> {
    checkOptions(options);
    if (!(pattern instanceof RegExp)) checkText(pattern, 'A pattern');
    const { grepSnapshot } = await import('./history/grep.ts');
    yield* grepSnapshot(this.#snapshot, pattern, options);
  }

  /**
   * The paths of files that match a glob pattern; with `history` also former ones, each with the newest
   * commit that holds it. A pattern without a slash matches names in any directory.
   */
  async *find(
    pattern: string,
    options: FindOptions = {},
  ): AsyncGenerator<FoundPath, void, undefined> {
    checkOptions(options);
    checkText(pattern, 'A pattern');
    const { findPaths } = await import('./history/find.ts');
    yield* findPaths(this.#snapshot, pattern, options);
  }

  /**
   * For each line of a text file, the commit that introduced it, along first parents.
   * @throws FileNotFoundError; GitStoreError (`EINVAL`) for a file that is not text
   */
  async blame(
    path: string,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<BlameLine[]> {
    checkOptions(options);
    const { blameFile } = await import('./history/blame.ts');
    return blameFile(this.#snapshot, path, options);
  }

  /**
   * Writes a file.
   * @throws InvalidPathError, IsADirectoryError, NotADirectoryError
   * @example
   * ```ts
   * const next = await fs.write('docs/a.txt', 'text', { message: 'Say it', tag: 'v1.0' });
   * ```
   */
  write(path: string, data: FileData, options: WriteOptions = {}): Promise<FS> {
    return this.writeSource(path, { data }, options);
  }

  /** Writes text as UTF-8. */
  async writeText(path: string, text: string, options: WriteOptions = {}): Promise<FS> {
    checkText(text, 'The text');
    return this.writeSource(path, { data: text }, options);
  }

  /**
   * Writes a file of the local disk, by default with its execute bit.
   * @throws FileNotFoundError, IsADirectoryError also for the local file
   */
  async writeFromFile(path: string, localPath: LocalName, options: WriteOptions = {}): Promise<FS> {
    const given = new GivenPaths();
    const file = given.at(localPath, 'The local file');
    return given.while(() => this.writeSource(path, { file }, options));
  }

  /** Writes a symbolic link. The target is stored literally, whatever it points to. */
  async writeSymlink(path: string, target: string, options: CommitOptions = {}): Promise<FS> {
    return this.writeSource(path, { target }, options);
  }

  /** A stream to write a file to; closing it commits. */
  writer(path: string, options: WriteOptions = {}): Writer {
    return new Writer(path, async (chunks) => {
      const fs = await this.writeSource(path, { data: chunks }, options);
      return () => fs;
    });
  }

  /** Opens a batch, which must be committed or discarded. */
  batch(options?: CommitOptions): Batch;
  /**
   * Lets `fill` make changes and commits them when it resolves. Commits nothing when it throws.
   * @example
   * ```ts
   * const next = await fs.batch(async (batch) => {
   *   await batch.write('a.txt', 'one');
   *   await batch.remove('old.txt');
   * });
   * ```
   */
  batch(fill: FillBatch): Promise<FS>;
  batch(options: CommitOptions, fill: FillBatch): Promise<FS>;
  batch(first: CommitOptions | FillBatch = {}, second?: FillBatch): Batch | Promise<FS> {
    const [options, fill] = typeof first === 'function' ? [{}, first] : [first, second];
    if (fill !== undefined) checkFunction('batch', fill);
    const batch = new Batch(this.#snapshot, choicesOf(options), wrap);
    return fill === undefined ? batch : batch.fill(fill);
  }

  /** Removes and writes files in one commit, removals first. */
  async apply(changes: ApplyChanges & CommitOptions): Promise<FS> {
    checkObject(changes, 'The changes');
    return this.batch(changes, (batch) => applyChanges(batch, changes));
  }

  /**
   * Removes files, or with `recursive` directories.
   * @throws FileNotFoundError, IsADirectoryError for a directory without `recursive`
   */
  async remove(paths: string | readonly string[], options: ReshapeOptions = {}): Promise<FS> {
    return wrap(await removePaths(this.#snapshot, listOf(paths), reshapeChoices('rm', options)));
  }

  /**
   * Moves files, or with `recursive` directories, as mv(1) does: into `dest` when it is a directory, ends
   * in `/`, or there are several sources; otherwise to exactly `dest`.
   * @throws FileNotFoundError, IsADirectoryError, NotADirectoryError
   * @throws GitStoreError (`EINVAL`) for a move onto or into itself; (`ENOTEMPTY`) when a directory would
   *   replace an existing directory
   */
  async move(
    sources: string | readonly string[],
    dest: string,
    options: ReshapeOptions = {},
  ): Promise<FS> {
    const choices = reshapeChoices('mv', options);
    return wrap(await movePaths(this.#snapshot, listOf(sources), dest, choices));
  }

  /**
   * Copies files and directories of the local disk into the store and commits them.
   * @param sources local paths, taken literally: `dir` for the directory itself, `dir/` for its contents,
   *   `base/./rest` to keep `rest` below `dest`
   * @param dest a path of the store; a directory when it is one, ends in `/`, or there are several sources
   * @throws FileNotFoundError, NotADirectoryError, InvalidPathError
   * @throws GitStoreError for a file that cannot be read; with `ignoreErrors` it is in the report
   * @example
   * ```ts
   * const next = await fs.copyIn('site/', 'public', { exclude: ['*.tmp'], delete: true });
   * console.log(next.changes?.add.length);
   * ```
   */
  async copyIn(
    sources: LocalName | readonly LocalName[],
    dest: string,
    options: CopyInOptions & CommitOptions = {},
  ): Promise<FS> {
    const choices = choicesOf({ operation: 'cp', ...options });
    const given = new GivenPaths();
    const from = given.all(sources, 'A source');
    return given.while(async () => {
      const copied = await copyFromDisk(this.#snapshot, from, dest, options, choices);
      return FS.of(copied.snapshot, given.report(copied.changes));
    });
  }

  /**
   * Copies files and directories of the snapshot to the local disk. Never touches anything outside `dest`,
   * whatever names or links the snapshot holds.
   * @param sources paths of the store, in the same forms as for `copyIn`
   * @returns the same snapshot with the report
   * @throws FileNotFoundError, NotADirectoryError
   * @throws GitStoreError for a file that cannot be written; with `ignoreErrors` it is in the report
   * @example
   * ```ts
   * await fs.copyOut('public/', 'out');
   * ```
   */
  async copyOut(
    sources: string | readonly string[],
    dest: LocalName,
    options: CopyOptions = {},
  ): Promise<FS> {
    return this.#copyToDisk([{ from: this.#snapshot, sources: listOf(sources) }], dest, options);
  }

  /**
   * As `copyOut`, with sources from several snapshots of this store. When two land on one path, the first
   * wins.
   * @returns this snapshot with the report
   */
  async copyRefsOut(
    sources: readonly RefSources[],
    dest: LocalName,
    options: CopyOptions = {},
  ): Promise<FS> {
    return this.#copyToDisk(this.#resolveAll(sources), dest, options);
  }

  async #copyToDisk(
    groups: readonly SnapshotSources[] | Promise<readonly SnapshotSources[]>,
    dest: LocalName,
    options: CopyOptions,
  ): Promise<FS> {
    checkOptions(options);
    const given = new GivenPaths();
    const to = given.at(dest, 'The destination');
    return given.while(async () => {
      const { snapshot, changes } = await copyToDisk(this.#snapshot, await groups, to, options);
      return FS.of(snapshot, given.report(changes));
    });
  }

  /**
   * Makes the directory `repoPath` equal to a directory of the local disk, in one commit. Deletes what
   * the local one lacks, except what `exclude` or `gitignore` exclude.
   * @throws as `copyIn`
   * @example
   * ```ts
   * const next = await fs.syncIn('site', 'public', { gitignore: true });
   * ```
   */
  async syncIn(
    localPath: LocalName,
    repoPath: string,
    options: CopyInOptions & CommitOptions = {},
  ): Promise<FS> {
    const sync = { operation: 'sync', ...options, delete: true };
    return this.copyIn(`${localName(localPath, 'The local path')}/`, repoPath, sync);
  }

  /**
   * Makes a directory of the local disk equal to the directory `repoPath` of the snapshot. Deletes what
   * the snapshot lacks, except what `exclude` excludes.
   * @returns the same snapshot with the report
   * @throws as `copyOut`
   */
  async syncOut(repoPath: string, localPath: LocalName, options: CopyOptions = {}): Promise<FS> {
    return this.copyOut(`${repoPath}/`, localPath, { ...options, delete: true });
  }

  /**
   * Copies files and directories of another snapshot of the same store to this one's branch, without
   * reading blobs.
   * @param source a snapshot, or the name of a branch or tag, or a hash
   * @param sources paths of the store, in the same forms as for `copyIn`; default all
   * @throws FileNotFoundError, NotADirectoryError
   */
  async copyFromRef(
    source: FS | string,
    sources: string | readonly string[] = '',
    dest = '',
    options: CopyOptions & CommitOptions = {},
  ): Promise<FS> {
    return this.copyFromRefs([{ source, paths: listOf(sources) }], dest, options);
  }

  /** As `copyFromRef`, with sources from several snapshots in one commit. */
  async copyFromRefs(
    sources: readonly RefSources[],
    dest = '',
    options: CopyOptions & CommitOptions = {},
  ): Promise<FS> {
    const choices = choicesOf({ operation: 'cp', ...options });
    const groups = await this.#resolveAll(sources);
    return wrap(await copyFromSnapshots(this.#snapshot, groups, dest, options, choices));
  }

  async #resolveAll(sources: readonly RefSources[]): Promise<SnapshotSources[]> {
    checkList(sources, 'The sources');
    return Promise.all(
      sources.map(async ({ source, paths }) => ({
        from: await this.#resolve(source),
        sources: paths,
      })),
    );
  }

  async #resolve(source: FS | string): Promise<Snapshot> {
    const { store } = this.#snapshot;
    return typeof source === 'string'
      ? resolveSnapshot(store, source)
      : ofStore(store, FS.snapshotOf(source));
  }

  /**
   * Writes everything in the snapshot as a zip or a tar. The same snapshot gives the same bytes: all
   * members have the commit's time and no owner.
   * @returns the same snapshot; its report lists the files as added
   * @throws InvalidPathError for a name that must not be in an archive
   * @throws GitStoreError (`EINVAL`) when the format is neither given nor clear from the name
   * @example
   * ```ts
   * await fs.archiveOut({ file: 'site.zip' });
   * ```
   */
  async archiveOut(sink: ArchiveSink, options: ArchiveOutOptions = {}): Promise<FS> {
    checkOptions(options);
    const given = new GivenPaths();
    const to = given.archive(sink, 'archiveOut');
    const { archiveOut } = await import('./archives/archiveOut.ts');
    return given.while(async () => wrap(await archiveOut(this.#snapshot, to, options)));
  }

  /** @internal The bytes of a zip of one of the snapshot's trees. */
  async *zip(tree: ObjectId): AsyncGenerator<Uint8Array, void, undefined> {
    const { zipOf } = await import('./archives/archiveOut.ts');
    yield* zipOf(this.#snapshot, tree);
  }

  /**
   * Adds the members of a zip or a tar to the snapshot, replacing existing files, in one commit. Skips
   * devices, pipes and everything named `.git` with a warning.
   * @throws ArchiveError when the archive is broken, of another format, empty, or has members outside the
   *   root; then nothing is committed
   * @throws IsADirectoryError, NotADirectoryError where the snapshot has the other kind
   */
  async archiveIn(
    source: ArchiveSource,
    options: ArchiveInOptions & CommitOptions = {},
  ): Promise<FS> {
    const choices = choicesOf({ operation: 'ar', ...options });
    const given = new GivenPaths();
    const from = given.archive(source, 'archiveIn');
    const { archiveIn } = await import('./archives/archiveIn.ts');
    return given.while(async () => wrap(await archiveIn(this.#snapshot, from, options, choices)));
  }

  /** @internal One attempt of `retryArchiveIn`. */
  async commitArchive(stored: StoredArchive, options: CommitOptions): Promise<FS> {
    const choices = choicesOf({ operation: 'ar', ...options });
    return wrap(await stored.commit(this.#snapshot, choices));
  }

  /**
   * Merges another history into this snapshot's branch, as one commit with both as parents. A branch
   * without commits of its own moves to the source, unless `fastForward: false`. When the source has
   * nothing new, nothing happens. As in `git merge`, texts are merged by lines and everything else as a
   * whole, and renamed files are followed.
   * @param source a snapshot, or the name of a branch or tag, or a hash
   * @throws MergeConflictError when the changes of both sides conflict; then nothing is committed
   */
  async merge(source: FS | string, options: MergeOptions = {}): Promise<FS> {
    const { mergeSnapshots } = await import('./commit/merge.ts');
    const theirs = await this.#resolve(source);
    return wrap(await mergeSnapshots(this.#snapshot, theirs, options, choicesOf(options)));
  }

  /**
   * Applies the change of a commit against its first parent to this snapshot's branch, with its message
   * and author. Makes no commit when nothing changes.
   * @throws MergeConflictError as `merge`
   */
  async pick(commit: FS | string, options: PickOptions = {}): Promise<FS> {
    const { pickCommit } = await import('./commit/merge.ts');
    const picked = await this.#resolve(commit);
    return wrap(await pickCommit(this.#snapshot, picked, options, choicesOf(options)));
  }

  /**
   * Reverts the change of a commit against its first parent on this snapshot's branch, and keeps all later
   * changes.
   * @throws MergeConflictError as `merge`
   */
  async revert(commit: FS | string, options: PickOptions = {}): Promise<FS> {
    const { revertCommit } = await import('./commit/merge.ts');
    const reverted = await this.#resolve(commit);
    return wrap(await revertCommit(this.#snapshot, reverted, options, choicesOf(options)));
  }

  /**
   * The best common ancestor of both histories, the newest of several; null when they have none.
   */
  async mergeBase(other: FS | string): Promise<FS | null> {
    const { mergeBaseOf } = await import('./commit/merge.ts');
    const base = await mergeBaseOf(this.#snapshot, await this.#resolve(other));
    return base && FS.of(base);
  }

  /** The snapshot of the first parent; null for a first commit. */
  async parent(): Promise<FS | null> {
    const parent = await parentOf(this.#snapshot);
    return parent && FS.of(parent);
  }

  /** @internal The same snapshot without files, to compare with. */
  async emptied(): Promise<FS> {
    const { commit, ...rest } = this.#snapshot;
    return FS.of({ ...rest, commit: { ...commit, tree: EMPTY_TREE_ID } });
  }

  /** The snapshot `n` first parents back, by default one. @throws KeyNotFoundError when there are fewer */
  async back(n = 1): Promise<FS> {
    return FS.of(await ancestorOf(this.#snapshot, n));
  }

  /**
   * This snapshot and its first-parent ancestors that pass all filters, newest first.
   * @example
   * ```ts
   * for await (const snapshot of fs.log({ path: 'docs', before: new Date('2026-01-01') })) {
   *   console.log(snapshot.time, snapshot.message);
   * }
   * ```
   */
  log(filter: LogFilter = {}): AsyncGenerator<FS, void, undefined> {
    checkOptions(filter);
    return walkLog(this.#snapshot, filter, (snapshot) => FS.of(snapshot));
  }

  /**
   * The commits of `log` as a list shows them, without their files and whole messages. After `gc` that takes a
   * fraction of the time.
   */
  async *summaries(filter: LogFilter = {}): AsyncGenerator<SnapshotSummary, void, undefined> {
    for await (const block of this.summaryBlocks(filter)) yield* block;
  }

  /** The same in blocks, which costs less. @internal */
  summaryBlocks(
    filter: LogFilter = {},
  ): AsyncGenerator<readonly SnapshotSummary[], void, undefined> {
    checkOptions(filter);
    return summariesOf(this.#snapshot, filter);
  }

  /**
   * Moves the branch back by first parents.
   * @throws KeyNotFoundError when the history is shorter
   * @example
   * ```ts
   * const before = await fs.undo();
   * const after = await before.redo();
   * ```
   */
  async undo(steps = 1): Promise<FS> {
    return FS.of(await undo(this.#snapshot, steps));
  }

  /**
   * Takes back the newest undos of the branch, found in its reflog from the newest entry that arrived at
   * this commit.
   * @throws KeyNotFoundError when there are fewer undos to take back
   */
  async redo(steps = 1): Promise<FS> {
    return FS.of(await redo(this.#snapshot, steps));
  }

  /**
   * A new commit of this tree without its history. It is on no branch: set a branch to it to keep it.
   * @param options.parent its only parent; default none
   * @param options.message default: this snapshot's own
   */
  async squash(
    options: { parent?: FS | undefined; message?: string | undefined } & SignOptions = {},
  ): Promise<FS> {
    const parent = options.parent && FS.snapshotOf(options.parent);
    return FS.of(await squash(this.#snapshot, parent, options.message, signingOf(options)));
  }

  /** @internal */
  async writeSource(path: string, source: FileSource, options: WriteOptions): Promise<FS> {
    checkOptions(options);
    return wrap(await writeFile(this.#snapshot, path, source, options.mode, choicesOf(options)));
  }

  #lookup(path: string) {
    const { store, commit } = this.#snapshot;
    return store.trees.lookup(commit.tree, normalizePath(path));
  }
}

function wrap({ snapshot, changes }: Outcome): FS {
  return FS.of(snapshot, changes);
}

/** What the options of a write say, checked. */
export function choicesOf(options: CommitOptions): CommitChoices {
  checkOptions(options);
  const {
    message: text,
    messageTemplate,
    operation,
    tag: name,
    forceTag: force = false,
    signal,
  } = options;
  const staleWrites = checkStaleWrites(options.staleWrites);
  if (name !== undefined) validateRefName(name);
  const message = messageTemplate ?? (text === undefined ? undefined : literalMessage(text));
  const tag = name === undefined ? undefined : { name, force };
  const parents = options.parents?.map(FS.snapshotOf);
  const signing = signingOf(options);
  return { message, operation, tag, staleWrites, signing, signal, parents };
}

function reshapeChoices(operation: string, options: ReshapeOptions) {
  return {
    ...choicesOf({ operation, ...options }),
    recursive: options.recursive === true,
    dryRun: options.dryRun === true,
  };
}
