/** Carries out a plan from a store to disk: removes, makes directories, writes files and links. */
import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { CorruptObjectError, GitStoreError, NotADirectoryError } from '../errors.ts';
import { hashObject, type ObjectId } from '../git/objectId.ts';
import { comparePaths } from '../git/pathBytes.ts';
import { isTreeMode, MODE_EXECUTABLE, MODE_FILE, MODE_LINK, type TreeEntry } from '../git/tree.ts';
import type { Memos } from '../storage/storage.ts';
import { ChangeReport } from '../tree/changes.ts';
import { baseName, joinPath, parentPath } from '../tree/paths.ts';
import type { TreeReader } from '../tree/reader.ts';
import { fileTypeOf } from '../tree/types.ts';
import {
  HAS_EXECUTE_BITS,
  modeOnDisk,
  newTemporaryPrefix,
  readEntry,
  toDisk,
} from './diskFiles.ts';
import type { DiskDestination } from './diskPlaces.ts';
import { FileSink } from './fileSink.ts';
import { isErrorOf, localError } from './localErrors.ts';
import type { CopyOptions } from './options.ts';
import { MODE_NONE } from './place.ts';
import type { Plan, PlannedFile } from './planner.ts';
import { type FileJob, type FileStamp, finishFile } from './putFile.ts';
import { hashLocalFile, readTarget, SMALL_FILE } from './readLocal.ts';
import type { CopyRun } from './run.ts';
import { type ScannedDirectory, type ScannedEntry, SETTLED } from './scannedDirectory.ts';

/** The tree that is copied from. */
export interface CopyOutSource {
  readonly trees: TreeReader;
  /** The root of the tree. */
  readonly root: ObjectId;
  /** Becomes the time of the files: the snapshot's commit time. */
  readonly time: Date;
  /** The directory of the store itself, which is never written to; none for a store in memory. */
  readonly storePath?: string | undefined;
  /** Where stat records are kept; without, every file in the way is read. */
  readonly memos?: Memos | undefined;
}

type DiskFile = PlannedFile<TreeEntry, ScannedEntry>;

/** After so many it is taken that most files of unknown content are what they should be. */
const READ_IN_VAIN = 32;

/** Whether a directory of the destination stood there before. */
type Directory = 'made' | 'found';

/** No system takes a longer link target. Bytes. */
const LONGEST_TARGET = 64 << 10;

export class DiskExecutor {
  readonly #source: CopyOutSource;
  readonly #place: DiskDestination;
  readonly #run: CopyRun;
  readonly #dryRun: boolean;
  readonly #keepsOthers: boolean;
  /** Directories of the destination that are known to be directories, or why they cannot be. */
  readonly #directories = new Map<string, Directory | Error>();
  readonly #temporaryPrefix = newTemporaryPrefix();
  readonly #mtime: number;
  #temporaries = 0;
  /** Blobs that were read and turned out to be what stood there. */
  #readInVain = 0;
  #lastHome: { directory: string; home: ScannedDirectory } | undefined;
  /** The first failure that is to stop the copy, met outside its normal course. */
  #failure: { error: unknown } | undefined;

  constructor(
    source: CopyOutSource,
    place: DiskDestination,
    run: CopyRun,
    options: Pick<CopyOptions, 'dryRun' | 'ignoreExisting'>,
  ) {
    this.#source = source;
    this.#place = place;
    this.#run = run;
    this.#dryRun = options.dryRun ?? false;
    this.#keepsOthers = options.ignoreExisting ?? false;
    this.#mtime = source.time.getTime() / 1000;
  }

  /** Makes the destination directory where it is missing: one without files is made as well. */
  makeDestination(): void {
    if (this.#dryRun || this.#place.root !== undefined) return;
    try {
      this.#makeDirectory('');
    } catch (error) {
      const shown = this.#place.show('');
      this.#run.fail(shown, localError(error, shown));
    }
  }

  async execute(plan: Plan<TreeEntry, ScannedEntry>): Promise<ChangeReport> {
    const run = this.#run;
    const { errors, warnings } = run;
    const report = new ChangeReport({ errors, warnings });
    run.begin('copy', { totalFiles: plan.files.length });
    // First, so that names which the disk takes for the same make room for each other.
    await this.#remove(plan, report);
    const sink = new FileSink(this.#dryRun ? 0 : plan.files.length);
    const changed: boolean[] = [];
    try {
      for (const [index, file] of plan.files.entries()) {
        if (run.tired) await run.rest();
        if (this.#failure !== undefined) break;
        try {
          await this.#bring(file, sink, () => {
            changed[index] = true;
          });
        } catch (error) {
          this.#fail(file, error);
        }
      }
      await sink.drain();
    } finally {
      await sink.close();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    run.end();
    for (const [index, { path, from, source, existing }] of plan.files.entries()) {
      if (!changed[index]) continue;
      (existing === undefined ? report.add : report.update).push({
        path: this.#place.show(path),
        type: fileTypeOf(source.mode),
        src: from,
      });
    }
    return report;
  }

  async #remove(plan: Plan<TreeEntry, ScannedEntry>, report: ChangeReport): Promise<void> {
    for (const [path, entry] of plan.deletes) {
      if (this.#run.tired) await this.#run.rest();
      const shown = this.#place.show(path);
      try {
        if (!this.#dryRun) fs.unlinkSync(toDisk(shown));
      } catch (error) {
        if (!isErrorOf(error, 'ENOENT')) this.#run.fail(shown, localError(error, shown));
        continue;
      }
      entry.home?.removed(entry.name);
      report.delete.push({ path: shown, type: fileTypeOf(entry.mode) });
    }
    report.delete.sort((a, b) => comparePaths(a.path, b.path));
    if (this.#dryRun) return;
    for (const path of plan.vacated) {
      const shown = this.#place.show(path);
      try {
        fs.rmdirSync(toDisk(shown));
        this.#place.home(parentPath(path)).removed(baseName(path));
      } catch (error) {
        // A directory in which something stays is to stay too.
        if (!isErrorOf(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) {
          this.#run.fail(shown, localError(error, shown));
        }
      }
    }
  }

  /** Brings one file to its place. `changed` is called when that is done and was a change. */
  async #bring(file: DiskFile, sink: FileSink, changed: () => void): Promise<void> {
    const { objects } = this.#source.trees;
    const { id } = file.source;
    const { existing } = file;
    const small = this.#isLikelyNeeded(file) ? objects.readAtOnce?.(id, sink.room) : undefined;
    const header = small ? { type: small.type, size: small.body.length } : await objects.header(id);
    if (header?.type !== 'blob') throw missingBlob(id, header?.type);
    const since = existing?.id === undefined ? Date.now() : SETTLED;
    if (existing !== undefined && (await this.#isSame(file, existing, header.size))) {
      if (small !== undefined) this.#readInVain += 1;
      this.#run.done(header.size);
      existing.home?.learn({ ...existing, mode: file.source.mode }, id, since);
      return;
    }
    if (this.#dryRun) return changed();
    const isLink = file.source.mode === MODE_LINK;
    if (isLink && header.size > LONGEST_TARGET) {
      const path = this.#place.show(file.path);
      throw new GitStoreError(`${path}: link target too long`, 'ENAMETOOLONG', { path });
    }
    this.#makeDirectory(parentPath(file.path));
    const job = this.#jobFor(file, isLink);
    if (header.size > SMALL_FILE) {
      this.#wrote(file, await this.#putLarge(job, id));
      this.#run.done(header.size);
      return changed();
    }
    const object = small ?? (await objects.read(id));
    if (object === undefined) throw missingBlob(id);
    const waiting = sink.put(job, object.body, (error, stamp) => {
      if (stamp === undefined) return this.#fail(file, error);
      this.#wrote(file, stamp);
      this.#run.done(header.size);
      changed();
    });
    if (waiting !== undefined) await waiting;
  }

  /** Whether the blob is wanted, not just what kind of object it is. */
  #isLikelyNeeded({ existing, source }: DiskFile): boolean {
    if (existing === undefined) return true;
    if (existing.id !== undefined) return existing.id !== source.id;
    return this.#readInVain < READ_IN_VAIN;
  }

  #wrote({ path, source }: DiskFile, stamp: FileStamp): void {
    const [size, mtimeMs, ctimeMs, ino, mode, device] = stamp;
    const state = { size, mtimeMs, ctimeMs, ino, mode: modeOnDisk(mode) };
    this.#homeOf(parentPath(path)).wrote(baseName(path), state, device, source);
  }

  /** The scan of a directory of the destination. Most files lie in the one of the file before. */
  #homeOf(directory: string): ScannedDirectory {
    if (this.#lastHome?.directory !== directory) {
      this.#lastHome = { directory, home: this.#place.home(directory) };
    }
    return this.#lastHome.home;
  }

  #jobFor({ path, source, existing }: DiskFile, isLink: boolean): FileJob {
    const isExecutable = fileTypeOf(source.mode) === 'executable';
    const isReplacement = existing?.mode === MODE_FILE || existing?.mode === MODE_EXECUTABLE;
    const name = `${this.#temporaryPrefix}${this.#temporaries++}`;
    return {
      path: toDisk(this.#place.show(path)),
      temporary: toDisk(this.#place.show(joinPath(parentPath(path), name))),
      isLink,
      permissions: isExecutable ? 0o777 : 0o666,
      // Who may read a file is its owner's choice; only whether it can be executed is the tree's.
      exactPermissions: isReplacement
        ? withExecution(existing.permissions, isExecutable)
        : undefined,
      isNew: existing === undefined,
      keepsOthers: this.#keepsOthers,
      mtime: this.#mtime,
    };
  }

  /** Whether the file on disk is what the tree holds. */
  async #isSame(
    { path, source }: DiskFile,
    existing: ScannedEntry,
    size: number,
  ): Promise<boolean> {
    if (existing.mode === MODE_NONE) return false;
    if (existing.id !== undefined && existing.id !== source.id) return false;
    const [is, wanted] = [fileTypeOf(existing.mode), fileTypeOf(source.mode)];
    if (is !== wanted && (HAS_EXECUTE_BITS || is === 'link' || wanted === 'link')) return false;
    if (existing.id !== undefined) return true;
    const shown = this.#place.show(path);
    try {
      if (existing.mode === MODE_LINK) return hashObject('blob', readTarget(shown)) === source.id;
      const check = () => this.#run.throwIfStopped();
      return (
        existing.size === size && (await hashLocalFile(shown, existing, false, check)) === source.id
      );
    } catch {
      this.#run.throwIfStopped();
      // What cannot be read, or changes meanwhile, is replaced.
      return false;
    }
  }

  /** Sees to a directory of the destination, with those above it. What is there is never a link. */
  #makeDirectory(path: string): Directory {
    const known = this.#directories.get(path);
    if (known instanceof Error) throw known;
    if (known !== undefined) return known;
    try {
      const above = path === '' ? 'found' : this.#makeDirectory(parentPath(path));
      // In a directory that was just made nothing stands yet.
      const directory = above === 'found' && this.#isDirectory(path) ? 'found' : this.#make(path);
      this.#directories.set(path, directory);
      return directory;
    } catch (error) {
      this.#directories.set(path, error as Error);
      throw error;
    }
  }

  #make(path: string): Directory {
    const shown = this.#place.show(path);
    try {
      const isRoot = path === '';
      const first = fs.mkdirSync(toDisk(shown), { recursive: isRoot });
      if (isRoot && first === undefined) return 'found';
      this.#place.home(path).made();
      return 'made';
    } catch (error) {
      if (!isErrorOf(error, 'EEXIST') || !this.#isDirectory(path)) throw localError(error, shown);
      return 'found';
    }
  }

  /** False when nothing stands there. @throws NotADirectoryError for anything else */
  #isDirectory(path: string): boolean {
    const shown = this.#place.show(path);
    const entry = readEntry(shown, '', path === '');
    if (entry !== undefined && !isTreeMode(entry.mode)) {
      throw new NotADirectoryError(`${shown}: something in the way of a directory`, {
        path: shown,
      });
    }
    return entry !== undefined;
  }

  async #putLarge(job: FileJob, id: ObjectId): Promise<FileStamp> {
    const chunks = await this.#source.trees.objects.readStream(id);
    if (chunks === undefined) throw missingBlob(id);
    const { temporary } = job;
    const handle = await open(temporary, 'wx', job.permissions);
    try {
      try {
        for await (const chunk of chunks) {
          for (let at = 0; at < chunk.length; ) {
            at += (await handle.write(chunk, at)).bytesWritten;
          }
          this.#run.moved(chunk.length);
          if (this.#run.tired) await this.#run.rest();
        }
        if (job.exactPermissions !== undefined) await handle.chmod(job.exactPermissions);
        await handle.utimes(job.mtime, job.mtime);
      } finally {
        await handle.close();
      }
      return finishFile(fs, job);
    } catch (error) {
      fs.unlinkSync(temporary);
      throw error;
    }
  }

  /** Records that a file failed. The copy then stops at the next file, or carries on. */
  #fail(file: DiskFile, error: unknown): void {
    if (isErrorOf(error, 'KEPT')) {
      this.#run.done(0);
      return;
    }
    const shown = this.#place.show(file.path);
    try {
      this.#run.fail(shown, localError(error, shown));
    } catch (failure) {
      this.#failure ??= { error: failure };
    }
  }
}

/** The owner's permissions with those to execute where there are those to read, or without. */
function withExecution(permissions: number, isExecutable: boolean): number {
  return isExecutable ? permissions | ((permissions & 0o444) >> 2) : permissions & ~0o111;
}

function missingBlob(id: ObjectId, type?: string): CorruptObjectError {
  const what = type === undefined ? 'is missing' : `is a ${type}, not a blob`;
  return new CorruptObjectError(`Object ${id} ${what}`, { objectId: id });
}
