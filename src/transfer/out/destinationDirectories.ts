/**
 * The directories that a copy to disk writes files into: existing ones, and new ones.
 *
 * A new directory is filled under a temporary name and renamed once the files directly in it are
 * written. Until then no other process writes to it, so each file is written under its final name:
 * that saves two calls a file. The directories below follow in the same way. If another process has
 * made the directory meanwhile, its files are put there one by one.
 */
import * as fs from 'node:fs';
import { NotADirectoryError } from '../../errors.ts';
import { isTreeMode } from '../../git/objects/tree.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import { baseName, joinPath, parentPath } from '../../tree/paths.ts';
import { newTemporaryPrefix, readEntry, readOwnEntry, toDisk } from '../disk/diskFiles.ts';
import { sameNameError } from '../disk/put/foldedNames.ts';
import { Spelling } from '../disk/spelling.ts';
import type { DiskDestination } from '../record/diskPlaces.ts';
import { type FileSink, RENAMES_OPEN_FILES } from './fileSink.ts';
import { removeUnfinishedDirectory } from './leftovers.ts';

/** A directory that is filled under a temporary name. */
export class NewDirectory {
  readonly path: string;
  /** On disk. */
  readonly temporary: string;
  /** Called after the rename of the directory, or after a failure that removed it with its files. */
  readonly settle: ((isInPlace: boolean) => void)[] = [];
  /** The directory could not be created. */
  isLost = false;

  constructor(path: string, temporary: string) {
    this.path = path;
    this.temporary = temporary;
  }
}

export class DestinationDirectories {
  readonly #place: DiskDestination;
  readonly #sink: FileSink;
  /** Directories that exist, or will once they are renamed; or the reason why they cannot. */
  readonly #known = new Map<string, 'found' | 'made' | Error>();
  readonly #temporaryPrefix = newTemporaryPrefix();
  #temporaries = 0;
  /** Whether to fill new ones under temporary names. Windows renames no directory with an open file. */
  #usesTemporary = RENAMES_OPEN_FILES;
  #isAlone = true;
  /** The directory whose files come now. */
  #current: string | undefined;
  #open: NewDirectory | undefined;
  /** Of the directory that holds the last existing one. */
  #spelling: Spelling | undefined;

  constructor(place: DiskDestination, sink: FileSink) {
    this.#place = place;
    this.#sink = sink;
  }

  /** Whether this copy made all of its new directories itself. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Starts a directory. The files up to `end` lie directly in it, and no more follow later. */
  begin(path: string): void {
    this.#current = path;
  }

  /**
   * Makes sure that a directory exists, with those above it, and that none of them is a link.
   * @returns the temporary directory for its files; undefined when they are put at their final paths
   */
  provide(path: string): NewDirectory | undefined {
    if (this.#open?.path === path) return this.#open;
    this.#see(path);
    return this.#open;
  }

  /** Renames the current directory to its final name. */
  end(): void {
    const directory = this.#open;
    this.#current = undefined;
    this.#open = undefined;
    if (directory === undefined) return;
    const { path, temporary } = directory;
    const becomes = this.#place.show(path);
    this.#putDirectory(path, temporary, becomes, (error) => {
      if (error === undefined) this.#place.home(path).made();
      else this.#giveUp(toDisk(temporary));
      for (const settle of directory.settle) settle(error === undefined);
    });
  }

  /** Puts all later files at their final paths. */
  settle(): void {
    this.#usesTemporary = false;
    this.#known.clear();
  }

  /** A temporary name for a file in a directory. */
  temporaryIn(directory: string): string {
    const name = `${this.#temporaryPrefix}${this.#temporaries++}`;
    return this.#place.show(joinPath(directory, name));
  }

  /** Makes sure that a directory exists, after those above it that are not known yet. */
  #see(path: string): 'found' | 'made' {
    const unknown: string[] = [];
    let above: 'found' | 'made' | Error | undefined;
    for (let at = path; ; at = parentPath(at)) {
      above = this.#known.get(at);
      if (above !== undefined) break;
      unknown.push(at);
      if (at === '') break;
    }
    for (let at = unknown.pop(); at !== undefined; at = unknown.pop()) {
      above = above instanceof Error ? above : this.#seeBelow(above ?? 'found', at);
      this.#known.set(at, above);
    }
    if (above instanceof Error) throw above;
    return above!;
  }

  #seeBelow(above: 'found' | 'made', path: string): 'found' | 'made' | Error {
    try {
      // A directory that was just made is empty.
      return above === 'found' && this.#isDirectory(path) ? 'found' : this.#make(path);
    } catch (error) {
      return error as Error;
    }
  }

  #make(path: string): 'found' | 'made' {
    if (path !== '' && this.#usesTemporary) {
      this.#start(path);
      return 'made';
    }
    const shown = this.#place.show(path);
    try {
      const isRoot = path === '';
      const first = fs.mkdirSync(this.#place.at(path), { recursive: isRoot });
      if (isRoot && first === undefined) return 'found';
      this.#place.home(path).made();
      return 'made';
    } catch (error) {
      if (!isErrorOf(error, 'EEXIST') || !this.#isDirectory(path)) throw localError(error, shown);
      this.#isAlone = false;
      return 'found';
    }
  }

  /** Ignores failures: putting the files one by one reports them. */
  #start(path: string): void {
    if (path === this.#current) {
      const directory = new NewDirectory(path, this.temporaryIn(parentPath(path)));
      this.#open = directory;
      this.#putDirectory(path, directory.temporary, undefined, (error) => {
        directory.isLost = error !== undefined;
      });
    } else {
      // It holds only directories.
      this.#putDirectory(path, this.#place.show(path), undefined, (error) => {
        if (error === undefined) this.#place.home(path).made();
        else this.#isAlone = false;
      });
    }
  }

  #putDirectory(
    path: string,
    directory: string,
    becomes: string | undefined,
    done: (error: unknown) => void,
  ): void {
    const job = { directory: toDisk(directory), path, above: parentPath(path) };
    this.#sink.putDirectory(
      becomes === undefined ? job : { ...job, becomes: toDisk(becomes) },
      done,
    );
  }

  #giveUp(temporary: string | Buffer): void {
    this.#isAlone = false;
    try {
      removeUnfinishedDirectory(this.#place.anchors, temporary);
    } catch {
      // It stays, as after a killed copy.
    }
  }

  /**
   * False when it is missing.
   * @throws NotADirectoryError for anything but a directory
   * @throws GitStoreError for one of another name, on a disk that takes the two for the same
   */
  #isDirectory(path: string): boolean {
    const shown = this.#place.show(path);
    const entry = path === '' ? readEntry(shown, '', true) : readOwnEntry(this.#place.at(path), '');
    if (entry === undefined) return false;
    if (!isTreeMode(entry.mode)) {
      throw new NotADirectoryError(`${shown}: something in the way of a directory`, {
        path: shown,
      });
    }
    if (path !== '' && !this.#isSpelled(path)) throw localError(sameNameError(), shown);
    return true;
  }

  #isSpelled(path: string): boolean {
    const [above, name] = [this.#place.show(parentPath(path)), baseName(path)];
    if (this.#spelling?.directory === above && this.#spelling.holds(name)) return true;
    // The cached names may lack what other processes have created meanwhile.
    this.#spelling = new Spelling(above);
    return this.#spelling.holds(name);
  }
}

/** The files by the directories they lie in, each directory before those below it. */
export function byDirectory<F extends { readonly path: string }>(
  files: readonly F[],
): [directory: string, files: F[]][] {
  const groups = new Map<string, F[]>();
  let last: string | undefined;
  let group: F[] = [];
  for (const file of files) {
    const directory = parentPath(file.path);
    if (directory !== last) {
      last = directory;
      group = groups.get(directory) ?? [];
      if (group.length === 0) groups.set(directory, group);
    }
    group.push(file);
  }
  const ordered: [string, F[]][] = [];
  const taken = new Set<string>();
  for (const directory of groups.keys()) {
    const way: string[] = [];
    for (let at = directory; !taken.has(at); at = parentPath(at)) {
      taken.add(at);
      way.push(at);
      if (at === '') break;
    }
    for (let at = way.pop(); at !== undefined; at = way.pop()) {
      const inIt = groups.get(at);
      if (inIt !== undefined) ordered.push([at, inIt]);
    }
  }
  return ordered;
}
