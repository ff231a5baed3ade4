/** Many changes, one commit. */
import { BatchClosedError, GitStoreError } from '../errors.ts';
import { shortHash } from '../git/objects/commitText.ts';
import type { FileMode } from '../git/objects/tree.ts';
import { INSPECT } from '../inspected.ts';
import { checkOptions, checkText, type LocalName } from '../optionTypes.ts';
import type { ObjectWriter } from '../storage/storage.ts';
import { checkWritablePath } from '../tree/paths.ts';
import { type FileType, fileModeOf } from '../tree/types.ts';
import { type CommitChoices, commitEdits, type Outcome } from './commit/commit.ts';
import type { FileData } from './context/data.ts';
import { GivenPaths, listOf } from './context/givenPaths.ts';
import { branchOf, type Snapshot } from './context/snapshot.ts';
import type { FS } from './fs.ts';
import { Staging } from './write/staging.ts';
import { type FileSource, modeFor, type StoredSource, storeSource } from './write/write.ts';
import { Writer } from './writer.ts';

/** Options of one write within a batch. */
export interface BatchWriteOptions {
  /** Default: the existing file's type; for a new file, a plain one. */
  readonly mode?: FileType | FileMode | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Collects changes to a snapshot and commits them together. Writes contents to the store immediately, so
 * memory grows only with the number of paths. Calls take effect in the order in which they are made,
 * whether awaited or not, and the last change of a path wins. A writer's change counts at its close.
 *
 * Disposing an uncommitted batch (`await using`) discards it.
 */
export class Batch implements AsyncDisposable {
  readonly #snapshot: Snapshot;
  readonly #choices: CommitChoices;
  readonly #wrap: (outcome: Outcome) => FS;
  readonly #staging: Staging;
  /** The open writers: a function that fails each, and its path. */
  readonly #writers = new Map<(error: unknown) => void, string>();
  #session: ObjectWriter | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;
  #fs: FS | undefined;

  /** @internal */
  constructor(snapshot: Snapshot, choices: CommitChoices, wrap: (outcome: Outcome) => FS) {
    branchOf(snapshot);
    this.#snapshot = snapshot;
    this.#choices = choices;
    this.#wrap = wrap;
    this.#staging = new Staging(snapshot.store.trees, snapshot.commit.tree);
  }

  /**
   * The snapshot that `commit()` made.
   * @throws GitStoreError when the batch is not committed
   */
  get fs(): FS {
    if (this.#fs === undefined) throw new GitStoreError('The batch is not committed', 'EINVAL');
    return this.#fs;
  }

  /** `Batch(main@1a2b3c4, open, 3 paths)`: its base and state. */
  toString(): string {
    const { size } = this.#staging.edits;
    const paths = `${size} path${size === 1 ? '' : 's'}`;
    return `Batch(${branchOf(this.#snapshot).name}@${shortHash(this.#snapshot.id)}, ${this.#state}, ${paths})`;
  }

  toJSON(): { branch: string; commitHash: string; state: 'open' | 'committed' | 'closed' } {
    const branch = branchOf(this.#snapshot).name;
    return { branch, commitHash: this.#fs?.commitHash ?? this.#snapshot.id, state: this.#state };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  get #state(): 'open' | 'committed' | 'closed' {
    if (this.#fs !== undefined) return 'committed';
    return this.#closed ? 'closed' : 'open';
  }

  /**
   * Writes a file. The caller may change the bytes once the promise resolves.
   * @throws InvalidPathError, IsADirectoryError, NotADirectoryError
   */
  async write(path: string, data: FileData, options: BatchWriteOptions = {}): Promise<void> {
    // Copy: the session may read the bytes until the commit.
    await this.#add(
      path,
      { data: data instanceof Uint8Array ? new Uint8Array(data) : data },
      options,
    );
  }

  /** Writes text as UTF-8. */
  async writeText(path: string, text: string, options: BatchWriteOptions = {}): Promise<void> {
    checkText(text, 'The text');
    await this.#add(path, { data: text }, options);
  }

  /**
   * Writes a file of the local disk, by default with its execute bit.
   * @throws FileNotFoundError, IsADirectoryError
   */
  async writeFromFile(
    path: string,
    localPath: LocalName,
    options: BatchWriteOptions = {},
  ): Promise<void> {
    const given = new GivenPaths();
    const file = given.at(localPath, 'The local file');
    await given.while(() => this.#add(path, { file }, options));
  }

  /** Writes a symbolic link. */
  async writeSymlink(path: string, target: string): Promise<void> {
    await this.#add(path, { target }, {});
  }

  /** A stream to write a file to. The file joins the batch when the stream is closed. */
  writer(path: string, options: BatchWriteOptions = {}): Writer {
    this.#assertOpen();
    const target = checkWritablePath(path);
    const given = modeGiven(options);
    return new Writer(path, async (chunks) => {
      const end = (error: unknown): void => chunks.fail(error);
      this.#writers.set(end, target);
      try {
        const source = { data: chunks };
        const stored = await storeSource(this.#writing(), source, this.#signal(options));
        await this.#inOrder(() => this.#put(target, given, stored));
      } finally {
        this.#writers.delete(end);
      }
      return () => this.fs;
    });
  }

  /**
   * Removes files, or with `recursive` directories. Removing a new path of this batch undoes its write.
   * @throws FileNotFoundError, IsADirectoryError
   */
  async remove(
    paths: string | readonly string[],
    options: { readonly recursive?: boolean | undefined } = {},
  ): Promise<void> {
    this.#assertOpen();
    checkOptions(options);
    await this.#inOrder(async () => {
      for (const path of listOf(paths)) {
        await this.#staging.remove(path, options.recursive === true);
      }
    });
  }

  /**
   * Commits the collected changes. Makes no commit when nothing changed. Closes the batch, even when it
   * throws.
   * @throws StaleSnapshotError when the branch has moved on
   * @throws GitStoreError when a writer is still open; the batch then stays open
   */
  async commit(): Promise<FS> {
    this.#assertOpen();
    for (const path of this.#writers.values()) {
      throw new GitStoreError(`The batch has an open writer: ${path}`, 'EINVAL', { path });
    }
    this.#closed = true;
    await this.#queue;
    const writer = this.#session ?? this.#snapshot.store.objects.writer();
    try {
      const { edits } = this.#staging;
      const report = this.#staging.report();
      this.#fs = this.#wrap(
        await commitEdits(this.#snapshot, writer, edits, report, this.#choices),
      );
      return this.#fs;
    } finally {
      await writer.abort();
    }
  }

  /** Drops the collected changes. Does nothing when the batch is closed. */
  async discard(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const error = new BatchClosedError('The batch was discarded');
    for (const end of this.#writers.keys()) end(error);
    await this.#queue;
    await this.#session?.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.discard();
  }

  /** @internal Lets `fill` make the changes, then commits; discards when it throws. */
  async fill(fill: (batch: Batch) => Promise<void> | void): Promise<FS> {
    try {
      await fill(this);
    } catch (error) {
      await this.discard();
      throw error;
    }
    return this.#fs ?? this.commit();
  }

  async #add(path: string, source: FileSource, options: BatchWriteOptions): Promise<void> {
    this.#assertOpen();
    const target = checkWritablePath(path);
    const given = modeGiven(options);
    const stored = storeSource(this.#writing(), source, this.#signal(options));
    // The failure is handled in its turn, which may come later.
    stored.catch(() => {});
    await this.#inOrder(async () => this.#put(target, given, await stored));
  }

  async #put(path: string, given: FileMode | undefined, stored: StoredSource): Promise<void> {
    const standing = await this.#staging.checkFile(path);
    this.#staging.put(path, modeFor(given, stored.mode, standing), stored.id, standing);
    this.#staging.remark(path, stored.remark);
  }

  /** Runs a step after the previous ones, even when one of them failed. */
  #inOrder(step: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(step);
    this.#queue = result.catch(() => {});
    return result;
  }

  #writing(): ObjectWriter {
    this.#session ??= this.#snapshot.store.objects.writer();
    return this.#session;
  }

  #signal(options: BatchWriteOptions): AbortSignal | undefined {
    return options.signal ?? this.#choices.signal;
  }

  #assertOpen(): void {
    if (this.#closed) throw new BatchClosedError(`The batch is ${this.#state}`);
    this.#snapshot.store.assertOpen();
  }
}

function modeGiven(options: BatchWriteOptions): FileMode | undefined {
  checkOptions(options);
  const { mode } = options;
  return mode === undefined ? undefined : fileModeOf(mode);
}
