/** Directories on disk as source and as destination of a copy. */
import { FileNotFoundError, GitStoreError } from '../../errors.ts';
import { hashObject } from '../../git/objectId.ts';
import { isModulesFile } from '../../git/objects/dotGit.ts';
import {
  compareTreeEntries,
  type FileMode,
  isTreeMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_LINK,
} from '../../git/objects/tree.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import { isForbiddenSegment } from '../../tree/paths.ts';
import type { Anchors } from '../disk/anchors.ts';
import type { DirectoryIdentity } from '../disk/directoryIdentity.ts';
import {
  type DiskEntry,
  HAS_EXECUTE_BITS,
  isTemporaryName,
  joinDisk,
  makerOf,
  readEntry,
  readOwnEntry,
  toDisk,
  withFileMode,
} from '../disk/diskFiles.ts';
import { identityAt, isSameIdentity } from '../disk/fileIdentity.ts';
import { ChangedFileError, readWhole } from '../disk/readLocal.ts';
import { Spelling } from '../disk/spelling.ts';
import {
  type Changes,
  type DestinationPlace,
  type Entry,
  MODE_NONE,
  type Omissions,
  type SourcePlace,
} from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';
import type { DiskScan } from './diskScan.ts';
import type { ReadAhead } from './readAhead.ts';
import type { ScannedDirectory, ScannedEntry } from './scannedDirectory.ts';

export class DiskSource implements SourcePlace<ScannedEntry> {
  readonly #run: CopyRun;
  readonly #store: DirectoryIdentity | undefined;
  readonly #follow: boolean;
  readonly #fileMode: FileMode | undefined;
  readonly #ahead: ReadAhead | undefined;
  /** Paths of the directories listed so far, by inode; only where links are followed, to find cycles. */
  readonly #listed = new Map<number, string[]>();

  /**
   * @param options.store the store's own directory, which is never copied
   * @param options.follow copy the targets of links instead of the links
   * @param options.fileMode the mode for all files instead of their own
   * @param options.ahead may read files that will be copied while planning goes on
   */
  constructor(
    run: CopyRun,
    options: {
      store: DirectoryIdentity | undefined;
      follow: boolean;
      fileMode: FileMode | undefined;
      ahead: ReadAhead | undefined;
    },
  ) {
    this.#run = run;
    this.#store = options.store;
    this.#follow = options.follow;
    this.#fileMode = options.fileMode;
    this.#ahead = options.ahead;
  }

  offer(path: string, file: ScannedEntry): Promise<void> | undefined {
    return this.#ahead?.offer(path, file);
  }

  /** The entry at a path now; undefined when it is missing. */
  entry(path: string, name: string, follow = this.#follow): DiskEntry | undefined {
    const entry = readEntry(path, name, follow);
    return entry && withFileMode(entry, this.#fileMode);
  }

  /** The entry now at the path of a file found before; undefined when it is missing. */
  entryAgain(path: string, file: ScannedEntry): DiskEntry | undefined {
    if (this.#follow || file.home === undefined) return this.entry(path, file.name);
    try {
      const entry = readOwnEntry(file.home.diskPath(file.name), file.name);
      return entry && withFileMode(entry, this.#fileMode);
    } catch (error) {
      if (isErrorOf(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** The entry to store over `existing`. */
  replacing<E extends DiskEntry>(entry: E, existing: Entry | undefined): E {
    const keepsBit = !HAS_EXECUTE_BITS && this.#fileMode === undefined;
    return keepsBit && entry.mode === MODE_FILE && existing?.mode === MODE_EXECUTABLE
      ? { ...entry, mode: MODE_EXECUTABLE }
      : entry;
  }

  /** Why an existing entry is not copied in; undefined when it is copied. */
  objection(path: string, entry: DiskEntry): string | undefined {
    if (entry.mode === MODE_NONE) return 'skipped: neither a file, a directory nor a link';
    if (entry.mode === MODE_LINK && isModulesFile(entry.name)) {
      return 'skipped: Git stores no .gitmodules that is a symbolic link';
    }
    if (!isTreeMode(entry.mode)) return undefined;
    if (this.#store?.is(entry, path)) return 'skipped: this is the store itself';
    return this.#follow && this.#isCycle(path, entry)
      ? 'skipped: a link that leads back to a directory it lies in'
      : undefined;
  }

  isRepository(path: string): boolean {
    return readEntry(joinDisk(path, '.git'), '.git') !== undefined;
  }

  async changes(directory: ScannedEntry): Promise<Changes | undefined> {
    return directory.home?.changes();
  }

  async list(path: string, directory: ScannedEntry, omissions: Omissions): Promise<ScannedEntry[]> {
    return this.#entries(path, directory, namesIn(directory.home!), omissions);
  }

  async pick(
    path: string,
    directory: ScannedEntry,
    names: ReadonlySet<string>,
    omissions: Omissions,
  ): Promise<ScannedEntry[]> {
    return this.#entries(path, directory, spelledNames(directory.home!, names), omissions);
  }

  async #entries(
    path: string,
    directory: ScannedEntry,
    names: Iterable<string>,
    omissions: Omissions,
  ): Promise<ScannedEntry[]> {
    if (this.#follow) {
      const others = this.#listed.get(directory.ino);
      if (others === undefined) this.#listed.set(directory.ino, [path]);
      else others.push(path);
    }
    const home = directory.home!;
    const entries: ScannedEntry[] = [];
    for (const name of names) {
      if (this.#run.tired) await this.#run.rest();
      if (isForbiddenSegment(name)) {
        omissions.skip(name, "skipped: Git stores nothing named '.git'");
        continue;
      }
      if (isTemporaryName(name)) {
        omissions.skip(name, 'skipped: another copy has left it unfinished');
        continue;
      }
      const child = joinDisk(path, name);
      try {
        const entry = home.entry(name);
        if (entry === undefined) {
          // A file that vanished since the directory was read counts as missing.
          if (!this.#follow || readEntry(child, name) === undefined) continue;
          throw new FileNotFoundError(`${child}: a link to nothing`, { path: child });
        }
        const objection = this.objection(child, entry);
        if (objection === undefined) entries.push(entry);
        else omissions.skip(name, objection);
      } catch (error) {
        omissions.fail(name, localError(error, child));
      }
    }
    return entries.sort(compareTreeEntries);
  }

  async readRules(path: string, file: ScannedEntry): Promise<Uint8Array> {
    const since = Date.now();
    try {
      const bytes = readWhole(file.home?.diskPath(file.name) ?? path, file, this.#follow);
      if (bytes.length === file.size) file.home?.learn(file, hashObject('blob', bytes), since);
      return bytes;
    } catch (error) {
      if (!(error instanceof ChangedFileError)) throw localError(error, path);
      throw new GitStoreError(`${path}: it changed while it was read`, 'EBUSY', { path });
    }
  }

  #isCycle(path: string, entry: DiskEntry): boolean {
    for (const higher of this.#listed.get(entry.ino) ?? []) {
      if (!path.startsWith(joinDisk(higher, ''))) continue;
      // Large inode numbers may round to the same number.
      const [its, own] = [identityAt(higher), identityAt(path)];
      if (its !== undefined && own !== undefined && isSameIdentity(its, own)) return true;
    }
    return false;
  }
}

/** Age in milliseconds at which an unfinished file of an unknown process counts as abandoned. */
const TEMPORARY_LIFE = 600_000;

/** An unfinished file or directory of a killed copy, and its parent directory. */
interface ScannedLeftover {
  readonly home: ScannedDirectory;
  readonly entry: ScannedEntry;
}

export class DiskDestination implements DestinationPlace<ScannedEntry> {
  readonly root: ScannedEntry | undefined;
  /** Leftovers of killed copies in the listed directories. */
  readonly leftovers: ScannedLeftover[] = [];
  readonly #path: string;
  readonly #scan: DiskScan;
  readonly #store: DirectoryIdentity | undefined;

  /**
   * @param path the destination directory; a link to one is followed
   * @param scan of that directory
   * @param store the store's own directory, which a copy never touches
   */
  constructor(path: string, scan: DiskScan, store: DirectoryIdentity | undefined) {
    this.#path = path;
    this.#scan = scan;
    this.#store = store;
    const root = readEntry(path, '', true);
    if (root === undefined && readEntry(path, '') !== undefined) {
      throw new FileNotFoundError(`${path}: a link to nothing`, { path });
    }
    this.root = root && { ...root, home: scan.root };
  }

  async changes(directory: ScannedEntry): Promise<Changes | undefined> {
    return directory.home?.changes();
  }

  /**
   * Omits Git's own directory and the store: they are never part of a snapshot, so a copy must not delete
   * them for being absent from it.
   */
  async list(_path: string, directory: ScannedEntry): Promise<ScannedEntry[]> {
    return this.#entries(directory, namesIn(directory.home!));
  }

  pick(
    _path: string,
    directory: ScannedEntry,
    names: ReadonlySet<string>,
  ): Promise<ScannedEntry[]> {
    return this.#entries(directory, spelledNames(directory.home!, names));
  }

  async #entries(directory: ScannedEntry, names: Iterable<string>): Promise<ScannedEntry[]> {
    const home = directory.home!;
    const { run } = this.#scan;
    const entries: ScannedEntry[] = [];
    for (const name of names) {
      if (run.tired) await run.rest();
      const entry = isForbiddenSegment(name) ? undefined : home.entry(name);
      if (entry === undefined || this.#store?.is(entry, joinDisk(home.path, name))) continue;
      if (isTemporaryName(name)) {
        const maker = makerOf(name);
        if (maker === 'dead') this.leftovers.push({ home, entry });
        // Another copy may be about to rename it.
        if (maker !== 'unknown' || Date.now() - entry.ctimeMs < TEMPORARY_LIFE) continue;
      }
      entries.push(entry);
    }
    return entries;
  }

  async readRules(path: string, file: ScannedEntry): Promise<Uint8Array> {
    const shown = this.show(path);
    try {
      return readWhole(shown, file, false);
    } catch (error) {
      if (!(error instanceof ChangedFileError)) throw localError(error, shown);
      throw new GitStoreError(`${shown}: it changed while it was read`, 'EBUSY', { path: shown });
    }
  }

  /** An anchored path for `fs`. Valid until the next call of this method. */
  at(path: string): string | Buffer {
    return this.anchors.at(toDisk(this.show(path)));
  }

  /** Of the destination. */
  get anchors(): Anchors {
    return this.#scan.anchors!;
  }

  show(path: string): string {
    return path === '' ? this.#path : joinDisk(this.#path, path);
  }

  /** The scan of a directory of the destination, which may be new. */
  home(path: string): ScannedDirectory {
    let home = this.#scan.root;
    if (path !== '') for (const name of path.split('/')) home = home.directory(name);
    return home;
  }
}

function namesIn(home: ScannedDirectory): readonly string[] {
  try {
    return home.names();
  } catch (error) {
    throw localError(error, home.path);
  }
}

/** Omits names under which the disk would find an entry of another name. */
function* spelledNames(home: ScannedDirectory, names: Iterable<string>): Generator<string> {
  const spelling = new Spelling(home.path);
  for (const name of names) {
    if (spelling.holds(name)) yield name;
    else home.removed(name);
  }
}
