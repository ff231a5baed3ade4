/** Copying from disk into a tree: what `cp` and `sync` do with local sources. */
import { FileNotFoundError, GitStoreError } from '../../errors.ts';
import { isTreeMode } from '../../git/objects/tree.ts';
import { localError } from '../../systemFaults.ts';
import { joinPath, normalizePath } from '../../tree/paths.ts';
import { fileModeOf } from '../../tree/types.ts';
import { DirectoryIdentity } from '../disk/directoryIdentity.ts';
import { parentOnDisk, withSlashes } from '../disk/diskFiles.ts';
import { SMALL_FILE } from '../disk/readLocal.ts';
import { planInto } from '../plan/intoTree.ts';
import { rememberLeftOut } from '../plan/protection.ts';
import { type FoundSource, landingPath, parseSource, requireSources } from '../plan/sources.ts';
import { DiskSource } from '../record/diskPlaces.ts';
import { DiskScan } from '../record/diskScan.ts';
import { ReadAhead } from '../record/readAhead.ts';
import type { ScannedEntry } from '../record/scannedDirectory.ts';
import { Exclusion } from '../rules/exclusion.ts';
import { type CopyInOptions, type PathSelection, scanRules } from '../rules/options.ts';
import { type KnownEntry, MODE_NONE } from '../rules/place.ts';
import { CopyRun } from '../rules/run.ts';
import {
  BlobExecutor,
  type CopyInResult,
  type CopyInTarget,
  type TreeChanges,
} from './blobExecutor.ts';

export type { CopyInResult, CopyInTarget } from './blobExecutor.ts';

/**
 * Stores the files at `sources` as blobs and returns the edits that put them at `dest`.
 *
 * @param sources local paths; `dir/` for the contents of a directory, `base/./rest` to keep `rest`
 * @param dest path in the tree; a trailing `/` means a directory
 * @throws FileNotFoundError for a missing source
 * @throws NotADirectoryError where `dest` is a file and a directory is needed
 * @throws InvalidPathError for a `dest` that cannot be stored
 * @throws GitStoreError for a file that cannot be read (with `ignoreErrors` it is in the report)
 */
export async function copyIn(
  target: CopyInTarget,
  sources: readonly string[],
  dest: string,
  options: CopyInOptions & PathSelection = {},
): Promise<CopyInResult> {
  requireSources(sources);
  const run = new CopyRun(options);
  const store = DirectoryIdentity.of(target.storePath);
  const follow = options.followSymlinks ?? false;
  const ahead = target.writer === null ? undefined : new ReadAhead(target.writer, follow);
  const place = new DiskSource(run, {
    store,
    follow,
    ahead,
    fileMode: options.mode === undefined ? undefined : fileModeOf(options.mode),
  });
  const exclusion = new Exclusion(options.exclude, options);
  const scans = new SourceScans(target, normalizePath(dest), run, options, exclusion);
  let found: FoundSource<ScannedEntry>[];
  let result: TreeChanges;
  try {
    found = findSources(sources, place, store, run).map((source) => scans.attach(source));
    const plan = await planInto(target, place, found, dest, {
      sources,
      options,
      run,
      exclusion,
      known: scans.recordedEntry,
      isFromDisk: true,
    });
    result = await new BlobExecutor(target, run, place, { follow, ahead }).execute(plan);
  } finally {
    scans.close();
  }
  return {
    ...result,
    prepareRecords: () => scans.prepare(),
    saveRecords: () => scans.save(),
    remember: (branch) => {
      const [only, ...others] = found;
      if (
        !options.delete ||
        options.only !== undefined ||
        others.length > 0 ||
        !only?.source.contents
      )
        return;
      if (only.source.kept !== '') return;
      const { path: local } = only.source;
      rememberLeftOut(target.memos, { local, branch, path: normalizePath(dest) }, options);
    },
  };
}

/** The scans of the source directories, and of the directories of source files. */
class SourceScans {
  readonly #target: CopyInTarget;
  readonly #base: string;
  readonly #run: CopyRun;
  readonly #options: CopyInOptions & PathSelection;
  readonly #exclusion: Exclusion;
  readonly #scans = new Map<string, DiskScan>();

  constructor(
    target: CopyInTarget,
    base: string,
    run: CopyRun,
    options: CopyInOptions & PathSelection,
    exclusion: Exclusion,
  ) {
    this.#exclusion = exclusion;
    this.#target = target;
    this.#base = base;
    this.#run = run;
    this.#options = options;
  }

  /** The source with its entry from a scan. Small files get no scan: reading them is quicker. */
  attach({ source, entry }: FoundSource<ScannedEntry>): FoundSource<ScannedEntry> {
    const isTree = isTreeMode(entry.mode);
    if (!isTree && entry.size <= SMALL_FILE) return { source, entry };
    const at = source.contents ? source.path : parentOnDisk(source.path);
    const root = this.#scanOf(at, source.kept).root;
    if (source.contents) return { source, entry: { ...entry, home: root } };
    return { source, entry: root.entry(source.name) ?? entry };
  }

  /** Closes the scans. */
  close(): void {
    for (const scan of this.#scans.values()) scan.close();
  }

  readonly recordedEntry: KnownEntry = (tree, name) => {
    for (const scan of this.#scans.values()) {
      const entry = scan.recordedEntry(tree, name);
      if (entry !== undefined) return entry;
    }
    return undefined;
  };

  prepare(): void {
    if (!this.#seesAll) return;
    for (const scan of this.#scans.values()) scan.prepare();
  }

  save(): void {
    if (!this.#seesAll) return;
    for (const scan of this.#scans.values()) scan.save();
  }

  /** A record of a copy that does not see all files would be incomplete. */
  get #seesAll(): boolean {
    return !this.#exclusion.isIncomplete && this.#options.only === undefined;
  }

  #scanOf(path: string, kept: string): DiskScan {
    const key = `${path}\0${kept}`;
    let scan = this.#scans.get(key);
    if (scan === undefined) {
      const { gitignore, followSymlinks, checksum, mode } = this.#options;
      const exclusion = this.#exclusion;
      scan = new DiskScan(path, this.#run, {
        memos: this.#options.isFew ? undefined : this.#target.memos,
        trees: this.#target.trees,
        counterpart: landingPath(this.#base, kept),
        follow: followSymlinks,
        fileMode: mode === undefined ? undefined : fileModeOf(mode),
        ignoreRecord: checksum,
        rules: scanRules(this.#options, kept),
        readsGitignore: gitignore,
        isExcluded: exclusion.isEmpty
          ? undefined
          : (below, isTree) => exclusion.excludes(joinPath(kept, below), isTree),
      });
      this.#scans.set(key, scan);
    }
    return scan;
  }
}

/** The existing sources. Missing ones become errors, and entries not to copy warnings. */
function findSources(
  sources: readonly string[],
  place: DiskSource,
  store: DirectoryIdentity | undefined,
  run: CopyRun,
): FoundSource<ScannedEntry>[] {
  const found: FoundSource<ScannedEntry>[] = [];
  for (const text of sources) {
    const source = parseSource(withSlashes(text));
    try {
      const entry = source.contents
        ? place.entry(source.path, source.name, true)
        : place.entry(source.path, source.name);
      if (entry === undefined) {
        throw new FileNotFoundError(`${text}: no such file or directory`, { path: text });
      }
      if (entry.mode === MODE_NONE) {
        throw new GitStoreError(`${text}: neither a file, a directory nor a link`, 'EINVAL', {
          path: text,
        });
      }
      const objection = source.contents ? undefined : place.objection(source.path, entry);
      if (objection !== undefined) run.warn(text, objection);
      else if (store?.contains(source.path)) run.warn(text, 'skipped: this is the store itself');
      else found.push({ source, entry });
    } catch (error) {
      run.fail(text, localError(error, text));
    }
  }
  return found;
}
