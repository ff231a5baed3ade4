/** Carries out a plan from disk into a store: reads files and links and stores them as blobs. */
import { setTimeout } from 'node:timers/promises';
import { GitStoreError } from '../../errors.ts';
import { hashObject, type ObjectId } from '../../git/objectId.ts';
import { isTreeMode, MODE_LINK, type TreeEntry } from '../../git/objects/tree.ts';
import type { Memos, ObjectWriter } from '../../storage/storage.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import { ChangeReport, type FileEntry } from '../../tree/changes.ts';
import type { TreeEdit } from '../../tree/edit.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { fileTypeOf } from '../../tree/types.ts';
import type { DiskEntry } from '../disk/diskFiles.ts';
import {
  ChangedFileError,
  hashLocalFile,
  type Reading,
  readChunks,
  readTarget,
  readWhole,
  SMALL_FILE,
} from '../disk/readLocal.ts';
import type { Plan, PlannedFile } from '../plan/copyPlan.ts';
import type { DiskSource } from '../record/diskPlaces.ts';
import type { ReadAhead } from '../record/readAhead.ts';
import { type ScannedEntry, SETTLED } from '../record/scannedDirectory.ts';
import { MODE_NONE } from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';

/** The tree to copy into. */
export interface CopyInTarget {
  readonly trees: TreeReader;
  /** The root of the tree. */
  readonly root: ObjectId;
  /** Takes the blobs; null on a dry run, which stores nothing. */
  readonly writer: ObjectWriter | null;
  /** The store's own directory, which is never copied; none for a store in memory. */
  readonly storePath?: string | undefined;
  /** Holds stat records. Without it every file is read. */
  readonly memos?: Memos | undefined;
}

/** The changes of a copy to its destination tree. */
export interface TreeChanges {
  /** For `applyEdits`. Not usable after a dry run. */
  readonly edits: Map<string, TreeEdit>;
  readonly report: ChangeReport;
}

export interface CopyInResult extends TreeChanges {
  /** Does the part of `saveRecords` that is possible before the blobs are in the store. */
  readonly prepareRecords: () => void;
  /** Saves the stat records. Call once the blobs are in the store. */
  readonly saveRecords: () => void;
  /** Saves what a sync has excluded, so that a sync back protects it. Call after the commit. */
  readonly remember: (branch: string) => void;
}

type BlobFile = PlannedFile<ScannedEntry, TreeEntry>;

/** Attempts to read a file that keeps changing, and the pause between them in milliseconds. */
const ATTEMPTS = 5;
const PAUSE = 10;

/**
 * Above this size in bytes, hash a file first when the existing blob has the same length: hashing takes
 * less time than storing it again.
 */
const WORTH_A_LOOK = 8 << 20;

/** A local file could not be read. Any other failure is the store's. */
class ReadFailure extends Error {}

export class BlobExecutor {
  readonly #target: CopyInTarget;
  readonly #run: CopyRun;
  readonly #place: DiskSource;
  readonly #follow: boolean;
  readonly #ahead: ReadAhead | undefined;

  /** @param options.ahead may have read some of the plan's files already */
  constructor(
    target: CopyInTarget,
    run: CopyRun,
    place: DiskSource,
    options: { follow: boolean; ahead: ReadAhead | undefined },
  ) {
    this.#target = target;
    this.#run = run;
    this.#place = place;
    this.#follow = options.follow;
    this.#ahead = options.ahead;
  }

  async execute(plan: Plan<ScannedEntry, TreeEntry>): Promise<TreeChanges> {
    const run = this.#run;
    const { errors, warnings } = run;
    const edits = new Map<string, TreeEdit>();
    const report = new ChangeReport({ errors, warnings });
    let totalBytes = 0;
    for (const { source } of plan.files) totalBytes += source.size;
    run.begin('copy', { totalFiles: plan.files.length, totalBytes });
    let succeeded = 0;
    for (const file of plan.files) {
      if (run.tired) await run.rest();
      try {
        const blob = await this.#bring(file);
        succeeded += 1;
        run.done(file.source.size);
        if (blob === undefined) continue;
        const { existing, path, from } = file;
        if (existing !== undefined && existing.id === blob.id && existing.mode === blob.mode) {
          continue;
        }
        if (blob.id !== undefined) edits.set(path, { mode: blob.mode, id: blob.id });
        const entry: FileEntry = { path, type: fileTypeOf(blob.mode), src: from };
        (existing === undefined ? report.add : report.update).push(entry);
      } catch (error) {
        if (!(error instanceof ReadFailure)) throw error;
        run.fail(file.from, localError(error.cause, file.from));
      }
    }
    run.end();
    // When every file failed, deletes derived from the sources are not trustworthy either.
    if (errors.length > 0 && succeeded === 0 && !plan.hasSame) return { edits: new Map(), report };
    for (const [path, entry] of plan.deletes) {
      edits.set(path, null);
      report.delete.push({ path, type: fileTypeOf(entry.mode) });
    }
    return { edits, report };
  }

  /**
   * Stores the file's content at some moment between call and return. For a file that keeps growing, such
   * as a log, stores its start as of a moment. Undefined when the file is gone. The id is undefined when
   * a dry run does not need it.
   */
  async #bring(file: BlobFile): Promise<{ mode: number; id: ObjectId | undefined } | undefined> {
    const run = this.#run;
    const { id: known, home } = file.source;
    let state: DiskEntry = this.#place.replacing(file.source, file.existing);
    if (known !== undefined && (await this.#isStored(known, file.existing))) {
      home?.learn(state, known, SETTLED);
      return { mode: state.mode, id: known };
    }
    const read = await this.#ahead?.take(file.source);
    if (read !== undefined) {
      home?.learn(state, read.id, read.since);
      return { mode: state.mode, id: read.id };
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const since = Date.now();
        const reading: Reading = { mayGrow: attempt > 1, onChunk: () => run.throwIfStopped() };
        const { id, isWhole } = await this.#store(file, state, reading);
        if (id !== undefined && isWhole) home?.learn(state, id, since);
        if (reading.hasGrown) {
          run.warn(file.from, `stored up to its first ${state.size} bytes: it grew meanwhile`);
        }
        return { mode: state.mode, id };
      } catch (error) {
        if (!(error instanceof ReadFailure)) throw error;
        // A file replaced by a link, or the reverse, gives ELOOP or EINVAL.
        const hasChanged =
          error.cause instanceof ChangedFileError ||
          isErrorOf(error.cause, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'EISDIR');
        if (!hasChanged) throw error;
        const now = this.#again(file);
        if (now === undefined) {
          run.warn(file.from, 'skipped: it vanished while it was copied');
          return undefined;
        }
        if (attempt === ATTEMPTS || isTreeMode(now.mode) || now.mode === MODE_NONE) {
          throw new ReadFailure('', {
            cause: new GitStoreError(`${file.from}: it changed while it was read`, 'EBUSY', {
              path: file.from,
            }),
          });
        }
        state = this.#place.replacing(now, file.existing);
        await setTimeout(PAUSE * attempt);
      }
    }
  }

  /** The entry there now. */
  #again({ from, source }: BlobFile): DiskEntry | undefined {
    try {
      return this.#place.entryAgain(from, source);
    } catch (error) {
      // A directory on the way was replaced by something else.
      if (isErrorOf(error, 'ENOTDIR', 'ELOOP')) readFailed(error);
      throw error;
    }
  }

  async #isStored(id: ObjectId, existing: TreeEntry | undefined): Promise<boolean> {
    return existing?.id === id || this.#target.trees.objects.has(id);
  }

  /**
   * Does not store a blob again that the destination already has.
   * @returns the blob's id, and whether a file in that state is known to be that blob
   */
  async #store(
    file: BlobFile,
    state: DiskEntry,
    reading: Reading,
  ): Promise<{ id: ObjectId | undefined; isWhole: boolean }> {
    const { writer } = this.#target;
    const existing = file.existing?.mode === state.mode ? file.existing : undefined;
    if (writer === null && existing === undefined) return { id: undefined, isWhole: false };
    if (state.mode !== MODE_LINK && state.size > SMALL_FILE) {
      const id = await this.#storeLarge(file, state, existing, reading);
      return { id, isWhole: !reading.hasGrown };
    }
    const body = tryReading(() =>
      state.mode === MODE_LINK
        ? readTarget(pathOf(file))
        : readWhole(pathOf(file), state, this.#follow, reading),
    );
    // A file that reports size 0 may change without a change of its state.
    const isWhole = !reading.hasGrown && (state.mode === MODE_LINK || body.length === state.size);
    if (existing !== undefined || writer === null) {
      const id = hashObject('blob', body);
      if (writer === null || id === existing?.id) return { id, isWhole };
    }
    return { id: await writer.write('blob', body), isWhole };
  }

  async #storeLarge(
    file: BlobFile,
    state: DiskEntry,
    existing: TreeEntry | undefined,
    reading: Reading,
  ): Promise<ObjectId | undefined> {
    const { writer, trees } = this.#target;
    const run = this.#run;
    const check = () => run.throwIfStopped();
    if (existing !== undefined && (writer === null || state.size > WORTH_A_LOOK)) {
      const header = await trees.objects.header(existing.id);
      if (header?.size === state.size) {
        const path = tryReading(() => pathOf(file));
        const id = await hashLocalFile(path, state, this.#follow, reading).catch((error) => {
          check();
          return readFailed(error);
        });
        if (id === existing.id || writer === null) return id;
        reading.hasGrown = false;
      }
    }
    if (writer === null) return undefined;
    let failure: ReadFailure | undefined;
    let moved = 0;
    async function* chunks(follow: boolean): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for await (const chunk of readChunks(pathOf(file), state, follow, reading)) {
          yield chunk;
          moved += chunk.length;
          run.moved(chunk.length);
        }
      } catch (error) {
        failure = new ReadFailure('', { cause: error });
        throw error;
      }
    }
    try {
      return await writer.writeStream(chunks(this.#follow), state.size);
    } catch (error) {
      check();
      throw failure ?? error;
    } finally {
      run.movedBack(moved);
    }
  }
}

/** The path to read the file by. Valid for an immediate call. */
function pathOf({ from, source }: BlobFile): string | Buffer {
  return source.home?.diskPath(source.name) ?? from;
}

function tryReading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    return readFailed(error);
  }
}

function readFailed(error: unknown): never {
  throw new ReadFailure('', { cause: error });
}
