/** Performs jobs: on this thread, or on that of a copy to disk. */
import type * as fs from 'node:fs';
import type { Anchors } from '../anchors.ts';
import type { DirectoryJob, FileJob, FileStamp, FilesJob, Job } from './fileJobs.ts';
import { renameWhenFree } from './moveFile.ts';
import { putFile } from './putFile.ts';

/**
 * Performs the job. `data` holds the contents of a file, or the target of a link.
 * @param anchors of the destination
 * @param lost paths of directories whose jobs have failed; kept from one job to the next
 */
export function perform(
  disk: typeof fs,
  anchors: Anchors,
  job: Job,
  data: Uint8Array,
  lost: Set<string>,
): FileStamp | undefined {
  if (!('directory' in job)) return putFile(disk, anchoredJob(anchors, job), data);
  putDirectory(disk, anchors, job, lost);
  return undefined;
}

/** The job with anchored paths, which no link in the destination redirects. Valid for the next call. */
export function anchoredJob<J extends FileJob>(anchors: Anchors, job: J): J {
  const { path, temporary, aside } = job;
  return {
    ...job,
    path: anchors.at(path),
    temporary: temporary === undefined ? undefined : anchors.at(temporary),
    aside: aside === undefined ? undefined : anchors.at(aside),
  };
}

/**
 * Makes or renames a directory. On failure something else may exist there, even a link that leads out
 * of the destination. So the jobs of all directories below fail as well.
 */
function putDirectory(
  disk: typeof fs,
  anchors: Anchors,
  { directory, becomes, path, above }: DirectoryJob,
  lost: Set<string>,
): void {
  try {
    if (lost.has(above)) throw new Error('the directory above is not there');
    if (becomes === undefined) disk.mkdirSync(anchors.at(directory));
    else {
      // A rename would replace an empty directory that another copy may just have made and opened.
      if (disk.lstatSync(anchors.at(becomes), { throwIfNoEntry: false }) !== undefined) {
        throw new Error('another copy has made the directory');
      }
      renameWhenFree(disk, anchors.at(directory), anchors.at(becomes));
      anchors.moved(directory, becomes);
    }
  } catch (error) {
    lost.add(path);
    throw error;
  }
}

/** Writes one of the files. */
export function performPart(
  disk: typeof fs,
  anchors: Anchors,
  { into, names, modes, mtime }: FilesJob,
  part: number,
  data: Uint8Array,
): FileStamp {
  const mode = modes[part]!;
  const isLink = (mode & 0o170000) === 0o120000;
  const job = {
    path: anchors.at(`${into}/${names[part]}`),
    temporary: undefined,
    isLink,
    permissions: !isLink && (mode & 0o100) !== 0 ? 0o777 : 0o666,
    exactPermissions: undefined,
    isNew: true,
    keepsOthers: false,
    mtime,
  };
  return putFile(disk, job, data);
}
