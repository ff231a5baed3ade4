/** Folders of the local disk that are, or are to be, workspaces. */
import { resolve } from 'node:path';
import { FileNotFoundError, GitStoreError, NotADirectoryError } from '../errors.ts';
import { lstatSync, realpathSync } from '../storage/disk/fs.ts';
import { isErrorOf, localError } from '../systemFaults.ts';

/** The path of a folder that may be gone. */
export function pathOf(path: string): string {
  try {
    return realFolder(path);
  } catch (error) {
    if (!(error instanceof FileNotFoundError)) throw error;
    return resolve(path);
  }
}

export function isDirectoryOnDisk(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (isErrorOf(error, 'ENOTDIR')) return false;
    throw localError(error, path);
  }
}

export function existsOnDisk(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isErrorOf(error, 'ENOTDIR')) return false;
    throw localError(error, path);
  }
}

export function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw localError(error, path);
  }
}

export async function requireEmpty(path: string): Promise<void> {
  const { readNames } = await import('../transfer/disk/diskFiles.ts');
  try {
    if (readNames(path).length === 0) return;
  } catch (error) {
    const failure = localError(error, path);
    if (failure.code === 'ENOENT') return;
    if (failure instanceof NotADirectoryError) {
      throw new NotADirectoryError(`${path}: not a directory, so no fork can be there`, { path });
    }
    throw failure;
  }
  throw new GitStoreError(
    `${path}: it holds files already; a fork needs a new folder`,
    'ENOTEMPTY',
    {
      path,
    },
  );
}
