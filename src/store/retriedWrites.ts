/** Writes to a branch with concurrent writers, of what can be read only once: it is stored first. */
import type { ArchiveInOptions, ArchiveSource } from '../archive/options.ts';
import type { ObjectId } from '../git/objectId.ts';
import { checkOptions } from '../optionTypes.ts';
import { checkWritablePath } from '../tree/paths.ts';
import { inSession } from './commit/commit.ts';
import type { CommitOptions, WriteOptions } from './commitOptions.ts';
import type { StoreContext } from './context/context.ts';
import { type FileData, isInMemory, storeData } from './context/data.ts';
import { GivenPaths } from './context/givenPaths.ts';
import type { FS } from './fs.ts';
import type { GitStore } from './gitStore.ts';
import type { UpdateOptions } from './update.ts';

/**
 * Writes one file to the newest snapshot of a branch, and retries when the branch moves meanwhile. Reads a
 * stream once, to its end, before it reads the branch.
 * @throws as `GitStore.update` and `FS.write`
 */
export async function retryWrite(
  store: GitStore,
  branch: string,
  path: string,
  data: FileData,
  options: WriteOptions & UpdateOptions = {},
): Promise<FS> {
  checkWritablePath(path);
  // A stream can be read only once, so it is stored before the first attempt.
  const source = isInMemory(data)
    ? { data }
    : { blob: await storeBlob(store.context, data, options.signal) };
  return store.update(branch, (fs) => fs.writeSource(path, source, options), options);
}

/**
 * Adds the members of an archive to the newest snapshot of a branch, and retries when the branch moves
 * meanwhile. Reads the archive once, to its end, before it reads the branch.
 * @throws as `GitStore.update` and `FS.archiveIn`
 */
export async function retryArchiveIn(
  store: GitStore,
  branch: string,
  source: ArchiveSource,
  options: ArchiveInOptions & CommitOptions & UpdateOptions = {},
): Promise<FS> {
  checkOptions(options);
  const given = new GivenPaths();
  const from = given.archive(source, 'retryArchiveIn');
  const { withStored } = await import('./archives/archiveIn.ts');
  return given.while(() =>
    withStored(store.context, from, options, (stored) =>
      store.update(branch, (fs) => fs.commitArchive(stored, options), options),
    ),
  );
}

function storeBlob(store: StoreContext, data: FileData, signal?: AbortSignal): Promise<ObjectId> {
  return inSession(store, async (writer) => {
    const id = await storeData(writer, data, signal);
    await writer.finish();
    return id;
  });
}
