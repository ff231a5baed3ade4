/** Carries out a plan from a store to disk: removes, makes directories, writes files and links. */

import { CorruptObjectError, GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { MODE_EXECUTABLE, MODE_FILE, MODE_LINK } from '../../git/objects/tree.ts';
import { decodePath } from '../../git/pathBytes.ts';
import { missingObject } from '../../storage/missingObject.ts';
import type { Memos, ObjectStore } from '../../storage/storage.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import type { ChangeReport } from '../../tree/changes.ts';
import { baseName, parentPath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { joinDisk, toDisk } from '../disk/diskFiles.ts';
import type { FileJob, FileStamp, SeenFile } from '../disk/put/fileJobs.ts';
import { SMALL_FILE } from '../disk/readLocal.ts';
import type { DiskDestination } from '../record/diskPlaces.ts';
import { type ScannedDirectory, type ScannedEntry, SETTLED } from '../record/scannedDirectory.ts';
import type { CopyOptions } from '../rules/options.ts';
import type { CopyRun } from '../rules/run.ts';
import { reportCopy } from './copyReport.ts';
import { byDirectory, DestinationDirectories } from './destinationDirectories.ts';
import type { DiskFile, DiskPlan } from './diskPlan.ts';
import { FileSink } from './fileSink.ts';
import { LargeFiles } from './largeFiles.ts';
import { removeLeftovers } from './leftovers.ts';
import { NewTrees } from './newTrees.ts';
import { Removals } from './removals.ts';
import { isSameFile } from './sameFile.ts';

/** The store to copy from. */
export interface CopyOutStore {
  readonly trees: TreeReader;
  /** The store's own directory, which a copy never writes to; none for a store in memory. */
  readonly storePath?: string | undefined;
  /** The branch whose tree it is, if any. */
  readonly branch?: string | undefined;
  /** Holds stat records. Without it every existing file is read. */
  readonly memos?: Memos | undefined;
}

/** A tree to copy from. */
export interface CopyOutTree {
  /** The root of the tree. */
  readonly root: ObjectId;
  /** The mtime for files: the snapshot's commit time. */
  readonly time: Date;
  readonly sources: readonly string[];
}

export interface CarefulOptions {
  /** Fail instead of replacing or removing a file that has changed since the copy looked at it. */
  readonly onlyAsSeen?: boolean | undefined;
}

/** The writers of a copy. */
interface Target {
  readonly sink: FileSink;
  readonly directories: DestinationDirectories;
  readonly large: LargeFiles;
}

/** Blobs read only to find the file unchanged, after which a blob is read only once it is needed. */
const READ_IN_VAIN = 32;

/** Longest link target of any system, in bytes. */
const LONGEST_TARGET = 64 << 10;

export class DiskExecutor {
  readonly #store: CopyOutStore;
  readonly #place: DiskDestination;
  readonly #run: CopyRun;
  readonly #dryRun: boolean;
  readonly #keepsOthers: boolean;
  readonly #onlyAsSeen: boolean;
  /** The mtime of files by tree, in seconds since the epoch. */
  readonly #times: readonly number[];
  /** The files that the copy has changed. */
  readonly #changed = new Set<DiskFile>();
  /** Paths of files that could not be written, or were to be left alone. */
  readonly #failed = new Set<string>();
  /** Files to write after all new directories have their final names. */
  readonly #later: DiskFile[] = [];
  /** Blobs that were read although the existing file turned out to be equal. */
  #readInVain = 0;
  #lastHome: { directory: string; home: ScannedDirectory } | undefined;
  #removals: Removals | undefined;
  /** The first failure outside the main loop that stops the copy. */
  #failure: { error: unknown } | undefined;

  constructor(
    store: CopyOutStore,
    times: readonly Date[],
    place: DiskDestination,
    run: CopyRun,
    options: Pick<CopyOptions, 'dryRun' | 'ignoreExisting'> & CarefulOptions,
  ) {
    this.#store = store;
    this.#place = place;
    this.#run = run;
    this.#dryRun = options.dryRun ?? false;
    this.#onlyAsSeen = options.onlyAsSeen ?? false;
    this.#keepsOthers = options.ignoreExisting ?? this.#onlyAsSeen;
    this.#times = times.map((time) => time.getTime() / 1000);
  }

  /** @param makesRoot whether to make a missing destination even without files */
  async execute(plan: DiskPlan, makesRoot: boolean): Promise<ChangeReport> {
    const run = this.#run;
    let totalFiles = plan.files.length;
    for (const { files } of plan.grafts) totalFiles += files.length;
    run.begin('copy', { totalFiles });
    if (!this.#dryRun) removeLeftovers(this.#place);
    const removals = new Removals(plan, this.#place, run, {
      dryRun: this.#dryRun,
      onlyAsSeen: this.#onlyAsSeen,
    });
    await removals.clearWay();
    this.#removals = removals;
    const sink = new FileSink(
      this.#dryRun ? 0 : totalFiles,
      toDisk(this.#place.show('')),
      this.#place.anchors,
    );
    const directories = new DestinationDirectories(this.#place, sink);
    const large = new LargeFiles(this.#store.trees.objects, run, this.#place.anchors);
    const target = { sink, directories, large };
    const trees = this.#dryRun ? undefined : this.#newTrees(target);
    let unexpect: (() => void) | undefined;
    try {
      unexpect = await this.#expect(plan);
      if (makesRoot) this.#makeRoot(directories);
      for (const [directory, files] of byDirectory(plan.files)) {
        directories.begin(directory);
        await this.#bringAll(files, target);
        directories.end();
      }
      for (const graft of plan.grafts) await trees?.put(graft);
      await sink.drain();
      directories.settle();
      await this.#bringAll(this.#later, target);
      await sink.drain();
      await large.drain();
    } finally {
      unexpect?.();
      directories.end();
      try {
        await sink.close();
      } finally {
        await large.close();
      }
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    await removals.finish();
    run.end();
    if (this.#failed.size === 0) trees?.confirm();
    removals.report();
    return reportCopy(plan, removals.removed, this.#place, run, {
      isChanged: (file) => this.#changed.has(file),
      hasFailed: (path) => this.#failed.has(path),
    });
  }

  /** Tells the store what is going to be read. */
  async #expect(plan: DiskPlan): Promise<(() => void) | undefined> {
    const { objects } = this.#store.trees;
    if (this.#dryRun || objects.expect === undefined) return undefined;
    const ids = plan.files.filter(isDifferent).map(({ source }) => source.id);
    for (const { files } of plan.grafts) for (const { id } of files) ids.push(id);
    return await objects.expect(ids);
  }

  #newTrees(target: Target): NewTrees {
    return new NewTrees(this.#store, this.#place, target, {
      run: this.#run,
      timeOf: (file) => this.#timeOf(file),
      bring: (file) => this.#bringAll([file], target),
      fail: (file, error) => this.#fail(file, error),
      defer: (file) => this.#later.push(file),
      isStopped: () => this.#failure !== undefined,
    });
  }

  #makeRoot(directories: DestinationDirectories): void {
    if (this.#dryRun || this.#place.root !== undefined) return;
    try {
      directories.provide('');
    } catch (error) {
      const shown = this.#place.show('');
      this.#run.fail(shown, localError(error, shown));
    }
  }

  async #bringAll(files: readonly DiskFile[], target: Target): Promise<void> {
    for (const file of files) {
      if (this.#run.tired) await this.#run.rest();
      if (this.#failure !== undefined) return;
      try {
        await this.#bring(file, target);
      } catch (error) {
        this.#fail(file, error);
      }
    }
  }

  /** Writes one file, unless it is unchanged. */
  async #bring(file: DiskFile, target: Target): Promise<void> {
    const { sink, directories } = target;
    const { objects } = this.#store.trees;
    if (this.#removals?.isBlocked(file.path)) {
      this.#failed.add(file.path);
      return;
    }
    const { id } = file.source;
    const { existing } = file;
    const small = this.#isLikelyNeeded(file) ? objects.tryRead(id, sink) : undefined;
    const header = small ? { type: small.type, size: small.body.length } : await objects.header(id);
    if (header?.type !== 'blob') throw noBlob(objects, id, header?.type);
    const since = existing?.id === undefined ? Date.now() : SETTLED;
    if (existing !== undefined && (await this.#isSame(file, existing, header.size))) {
      if (small !== undefined) this.#readInVain += 1;
      this.#run.done(header.size);
      existing.home?.learn({ ...existing, mode: file.source.mode }, id, since);
      return;
    }
    if (this.#dryRun) {
      this.#changed.add(file);
      return;
    }
    const shown = this.#place.show(file.path);
    if (file.source.mode === MODE_LINK && header.size > LONGEST_TARGET) {
      throw new GitStoreError(`${shown}: link target too long`, 'ENAMETOOLONG', { path: shown });
    }
    if (file.source.mode === MODE_LINK && header.size === 0) {
      throw new GitStoreError(`${shown}: a link without a target cannot be on disk`, 'EINVAL', {
        path: shown,
      });
    }
    const above = parentPath(file.path);
    const directory = directories.provide(above);
    if (header.size > SMALL_FILE) {
      if (directory === undefined) this.#addLarge(file, shown, header.size, target);
      else {
        directory.settle.push((isInPlace) => {
          if (isInPlace) this.#addLarge(file, shown, header.size, target);
          else this.#later.push(file);
        });
      }
      return;
    }
    const job =
      directory === undefined
        ? this.#jobFor(file, shown, directories)
        : this.#jobFor(file, joinDisk(directory.temporary, baseName(shown)), undefined);
    const object = small ?? (await objects.read(id));
    if (object === undefined) throw noBlob(objects, id);
    if (file.source.mode === MODE_LINK) {
      if (object.body.includes(0)) {
        throw new GitStoreError(`${shown}: a link target cannot hold a zero byte`, 'EINVAL', {
          path: shown,
        });
      }
      // Some runtimes cannot write every byte sequence.
      toDisk(decodePath(object.body));
    }
    const waiting = sink.put(job, object.body, (error, stamp) => {
      if (directory?.isLost) this.#later.push(file);
      else if (stamp === undefined) this.#fail(file, error);
      else if (directory === undefined) this.#done(file, stamp);
      else {
        directory.settle.push((isInPlace) => {
          if (isInPlace) this.#done(file, stamp);
          else this.#later.push(file);
        });
      }
    });
    if (waiting !== undefined) await waiting;
  }

  /** Whether the blob's content is probably needed, and not only its header. */
  #isLikelyNeeded(file: DiskFile): boolean {
    if (isDifferent(file)) return true;
    return file.existing?.id === undefined && this.#readInVain < READ_IN_VAIN;
  }

  /** Records that the file is written. */
  #done(file: DiskFile, stamp: FileStamp): void {
    const { path, source } = file;
    this.#homeOf(parentPath(path)).wrote(baseName(path), stamp, source);
    this.#changed.add(file);
    this.#run.done(stamp[0]);
  }

  /** The scan of a directory of the destination. Caches the last one, as most files share it. */
  #homeOf(directory: string): ScannedDirectory {
    if (this.#lastHome?.directory !== directory) {
      this.#lastHome = { directory, home: this.#place.home(directory) };
    }
    return this.#lastHome.home;
  }

  /** @param directories gives temporary names; undefined in a directory that itself has one */
  #jobFor(file: DiskFile, path: string, directories: DestinationDirectories | undefined): FileJob {
    const { source, existing } = file;
    const temporary = () => toDisk(directories!.temporaryIn(parentPath(file.path)));
    const isChecked = this.#onlyAsSeen && existing !== undefined && directories !== undefined;
    const isExecutable = fileTypeOf(source.mode) === 'executable';
    const isReplacement = existing?.mode === MODE_FILE || existing?.mode === MODE_EXECUTABLE;
    return {
      path: toDisk(path),
      temporary: directories && temporary(),
      isLink: source.mode === MODE_LINK,
      permissions: isExecutable ? 0o777 : 0o666,
      // The tree decides only the execute bits. The other permissions are the owner's choice.
      exactPermissions: isReplacement
        ? withExecution(existing.permissions, isExecutable)
        : undefined,
      isNew: existing === undefined,
      keepsOthers: this.#keepsOthers,
      replaces: isChecked ? seen(existing) : undefined,
      aside: isChecked && existing.mode !== MODE_LINK ? temporary() : undefined,
      mtime: this.#timeOf(file),
    };
  }

  #timeOf({ tree }: { readonly tree: number | undefined }): number {
    return this.#times[tree ?? 0]!;
  }

  /** Whether the file on disk is what the tree holds. */
  async #isSame(
    { path, source }: DiskFile,
    existing: ScannedEntry,
    size: number,
  ): Promise<boolean> {
    try {
      return await isSameFile(this.#place.show(path), existing, source, this.#run, size);
    } catch {
      this.#run.throwIfStopped();
      // A file that cannot be read, or changes meanwhile, is replaced.
      return false;
    }
  }

  /** Queues a file that is too large for the sink, in a directory that exists. */
  #addLarge(file: DiskFile, path: string, size: number, { large, directories }: Target): void {
    large.add(async () => {
      if (this.#failure !== undefined) return;
      try {
        const { id } = file.source;
        const job = this.#jobFor(file, path, directories);
        const stamp = await large.put(job, id, size);
        if (stamp === undefined) throw noBlob(this.#store.trees.objects, id);
        this.#run.movedBack(size);
        this.#done(file, stamp);
      } catch (error) {
        this.#fail(file, error);
      }
    });
  }

  /** Records that a file failed. The copy then stops at the next file, or carries on. */
  #fail(file: DiskFile, error: unknown): void {
    this.#failed.add(file.path);
    if (isErrorOf(error, 'KEPT') && !this.#onlyAsSeen) {
      this.#run.done(0);
      return;
    }
    const shown = this.#place.show(file.path);
    try {
      this.#run.throwIfStopped();
      this.#run.fail(shown, localError(error, shown));
    } catch (failure) {
      this.#failure ??= { error: failure };
    }
  }
}

/** Whether a file is new, or known to be another one without being read. */
function isDifferent({ existing, source }: DiskFile): boolean {
  return existing === undefined || (existing.id !== undefined && existing.id !== source.id);
}

/** The part of an entry that a job for the other thread takes. */
function seen({ size, mtimeMs, ctimeMs, ino }: ScannedEntry): SeenFile {
  return { size, mtimeMs, ctimeMs, ino };
}

/** The permissions with execute bits wherever there are read bits, or with no execute bits. */
function withExecution(permissions: number, isExecutable: boolean): number {
  return isExecutable ? permissions | ((permissions & 0o444) >> 2) : permissions & ~0o111;
}

function noBlob(objects: ObjectStore, id: ObjectId, type?: string): GitStoreError {
  if (type === undefined) return missingObject(objects, id, 'Blob');
  return new CorruptObjectError(`Object ${id} is a ${type}, not a blob`, { objectId: id });
}
