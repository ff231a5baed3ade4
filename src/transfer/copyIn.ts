/** Copying from disk into a tree: what `cp` and `sync` do with local sources. */
import { FileNotFoundError, GitStoreError } from '../errors.ts';
import { fileModeOf } from '../tree/types.ts';
import { BlobExecutor, type CopyInResult, type CopyInTarget } from './blobExecutor.ts';
import { DirectoryIdentity, type DiskEntry, withSlashes } from './diskFiles.ts';
import { DiskSource } from './diskPlaces.ts';
import { planInto } from './intoTree.ts';
import { localError } from './localErrors.ts';
import type { CopyInOptions } from './options.ts';
import { MODE_NONE } from './place.ts';
import { CopyRun } from './run.ts';
import { type FoundSource, parseSource, requireSources } from './sources.ts';

export type { CopyInResult, CopyInTarget } from './blobExecutor.ts';

/**
 * Stores what stands at `sources` as blobs and says which edits bring it to `dest`.
 *
 * @param sources local paths; `dir/` for the contents of a directory, `base/./rest` to keep `rest`
 * @param dest path in the tree; a trailing `/` means a directory
 * @throws FileNotFoundError for a source that is not there
 * @throws NotADirectoryError where `dest` is a file and a directory is needed
 * @throws InvalidPathError for a `dest` that cannot be stored
 * @throws GitStoreError for a file that cannot be read (with `ignoreErrors` it is in the report)
 */
export async function copyIn(
  target: CopyInTarget,
  sources: readonly string[],
  dest: string,
  options: CopyInOptions = {},
): Promise<CopyInResult> {
  requireSources(sources);
  const run = new CopyRun(options);
  const store = DirectoryIdentity.of(target.storePath);
  const follow = options.followSymlinks ?? false;
  const place = new DiskSource(run, {
    store,
    follow,
    fileMode: options.mode === undefined ? undefined : fileModeOf(options.mode),
  });
  const found = findSources(sources, place, store, run);
  const plan = await planInto(target, place, found, dest, {
    sources: sources.length,
    options,
    run,
  });
  return new BlobExecutor(target, run, place, follow).execute(plan);
}

/** The sources that are there. The others are errors, what is not to be copied is a warning. */
function findSources(
  sources: readonly string[],
  place: DiskSource,
  store: DirectoryIdentity | undefined,
  run: CopyRun,
): FoundSource<DiskEntry>[] {
  const found: FoundSource<DiskEntry>[] = [];
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
      if (store?.contains(source.path)) run.warn(text, 'skipped: this is the store itself');
      else found.push({ source, entry });
    } catch (error) {
      run.fail(text, localError(error, text));
    }
  }
  return found;
}
