/**
 * Whole trees that a copy writes to new directories. Their files need no plan and little work each. The
 * executor handles the files that do not fit this fast path.
 */
import { isTreeMode, MODE_LINK, type TreeEntry } from '../../git/objects/tree.ts';
import { joinPath } from '../../tree/paths.ts';
import type { Tree } from '../../tree/reader.ts';
import { toDisk } from '../disk/diskFiles.ts';
import { SMALL_FILE } from '../disk/readLocal.ts';
import type { Graft } from '../plan/copyPlan.ts';
import type { DiskDestination } from '../record/diskPlaces.ts';
import type { ScannedDirectory } from '../record/scannedDirectory.ts';
import type { CopyRun } from '../rules/run.ts';
import type { DestinationDirectories, NewDirectory } from './destinationDirectories.ts';
import type { CopyOutStore } from './diskExecutor.ts';
import type { DiskFile } from './diskPlan.ts';
import type { FileSink } from './fileSink.ts';
import type { FileResults } from './writerThread.ts';

/** The executor, for files outside the fast path. */
interface Executor {
  readonly run: CopyRun;
  /** The mtime of new files, in seconds since the epoch. */
  timeOf(graft: { readonly tree: number | undefined }): number;
  /** Writes a file that the fast path cannot. */
  bring(file: DiskFile): Promise<void>;
  fail(file: DiskFile, error: unknown): void;
  /** Writes the file after all directories have their final names. */
  defer(file: DiskFile): void;
  isStopped(): boolean;
}

export class NewTrees {
  readonly #store: CopyOutStore;
  readonly #place: DiskDestination;
  readonly #sink: FileSink;
  readonly #directories: DestinationDirectories;
  readonly #executor: Executor;
  /** New directories, and the trees to write into them. */
  readonly #made: { readonly home: ScannedDirectory; readonly tree: Tree }[] = [];

  /** Some files went to directories that may hold other files. */
  #hasFound = false;

  constructor(
    store: CopyOutStore,
    place: DiskDestination,
    target: { readonly sink: FileSink; readonly directories: DestinationDirectories },
    executor: Executor,
  ) {
    this.#store = store;
    this.#place = place;
    this.#sink = target.sink;
    this.#directories = target.directories;
    this.#executor = executor;
  }

  async put(graft: Omit<Graft<TreeEntry>, 'files'>): Promise<void> {
    const open = [graft];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (this.#executor.isStopped()) return;
      const below = await this.#putDirectory(next);
      while (below.length > 0) open.push(below.pop()!);
    }
  }

  /** Writes the files directly in a directory; returns its subdirectories. */
  async #putDirectory(graft: Omit<Graft<TreeEntry>, 'files'>): Promise<(typeof graft)[]> {
    const { path, from, source } = graft;
    const { trees } = this.#store;
    const tree = trees.cached(source.id) ?? (await trees.tree(source.id));
    const files = tree.entries.filter(({ mode }) => !isTreeMode(mode));
    if (files.length > 0) {
      this.#directories.begin(path);
      await this.#putFiles(graft, files);
      this.#directories.end();
    }
    this.#made.push({ home: this.#place.home(path), tree });
    const below: (typeof graft)[] = [];
    for (const entry of tree.entries) {
      if (!isTreeMode(entry.mode)) continue;
      const { name } = entry;
      below.push({
        ...graft,
        path: joinPath(path, name),
        from: joinPath(from, name),
        source: entry,
      });
    }
    return below;
  }

  /** Records that all files are written, so that the directories equal their trees. */
  confirm(): void {
    if (!this.#directories.isAlone || this.#hasFound) return;
    for (const { home, tree } of this.#made) home.became(tree.id);
  }

  async #putFiles(
    { path, from, tree }: Omit<Graft<TreeEntry>, 'files'>,
    files: readonly TreeEntry[],
  ): Promise<void> {
    const { run } = this.#executor;
    const mtime = this.#executor.timeOf({ tree });
    const { objects } = this.#store.trees;
    const sink = this.#sink;
    const planned = (source: TreeEntry): DiskFile => ({
      path: joinPath(path, source.name),
      from: joinPath(from, source.name),
      source,
      tree,
      existing: undefined,
    });
    const directory = this.#provide(path);
    if (directory === undefined) this.#hasFound = true;
    const target = directory && this.#filled(path, directory, planned);
    for (const file of files) {
      if (run.tired) await run.rest();
      if (this.#executor.isStopped()) return;
      const object = target && objects.tryRead(file.id, sink);
      if (object === undefined || !isPlain(file, object)) {
        await this.#executor.bring(planned(file));
        continue;
      }
      const waiting = sink.putInto(target!, file, mtime, object.body);
      if (waiting !== undefined) await waiting;
    }
  }

  /** The directory for the fast path; undefined when it is not possible. */
  #provide(path: string): NewDirectory | undefined {
    try {
      const directory = this.#directories.provide(path);
      return typeof toDisk(directory?.temporary ?? '') === 'string' ? directory : undefined;
    } catch {
      // Each of its files fails for the same reason.
      return undefined;
    }
  }

  #filled(path: string, directory: NewDirectory, planned: (file: TreeEntry) => DiskFile) {
    const { run, defer, fail } = this.#executor;
    const settle = (
      isInPlace: boolean,
      files: readonly TreeEntry[],
      results: FileResults,
    ): void => {
      const home = this.#place.home(path);
      for (const [index, file] of files.entries()) {
        if (results.errors.has(index)) continue;
        if (!isInPlace) {
          defer(planned(file));
          continue;
        }
        const stamp = results.stampOf(index);
        home.wrote(file.name, stamp, file);
        run.done(stamp[0]);
      }
    };
    return {
      at: directory.temporary,
      arrived(files: readonly TreeEntry[], results: FileResults): void {
        for (const [index, error] of results.errors) {
          const file = planned(files[index]!);
          if (directory.isLost) defer(file);
          else fail(file, error);
        }
        directory.settle.push((isInPlace) => settle(isInPlace, files, results));
      },
    };
  }
}

/** Longest link target of the fast path, in bytes. The executor reports errors of longer ones. */
const SHORT_TARGET = 1000;

function isPlain(file: TreeEntry, { type, body }: { type: string; body: Uint8Array }): boolean {
  if (type !== 'blob' || typeof toDisk(file.name) !== 'string') return false;
  if (file.mode !== MODE_LINK) return body.length <= SMALL_FILE;
  return body.length > 0 && body.length <= SHORT_TARGET && !body.includes(0);
}
