/** What there is to write to disk: files and directories. */
import type { FsPath } from '../anchors.ts';

export interface FileJob {
  /** The final path, in a form that `fs` accepts. */
  readonly path: FsPath;
  /**
   * Temporary name to write it under first, in the same directory. Undefined in a directory that itself
   * still has a temporary name, where no other process writes.
   */
  readonly temporary: FsPath | undefined;
  readonly isLink: boolean;
  /** Permissions for a new file, before the umask. */
  readonly permissions: number;
  /** Permissions to set regardless of the umask, when a file is replaced. */
  readonly exactPermissions: number | undefined;
  /** Nothing was there when the copy looked. */
  readonly isNew: boolean;
  /** With `isNew`: fails with `KEPT` when another process has created the file since. */
  readonly keepsOthers: boolean;
  /** The file that existed when the copy looked: fails with `MOVED_ON` when another one is there now. */
  readonly replaces?: SeenFile | undefined;
  /** With `replaces`: another temporary name, for that file. Undefined for a link. */
  readonly aside?: FsPath | undefined;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** The `lstat` values that identify a file and its state. */
export interface SeenFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** A directory to make, or a filled one to rename to its final name. */
export interface DirectoryJob {
  readonly directory: FsPath;
  /** The final path. */
  readonly becomes?: FsPath;
  /** Its final path in the destination, also while it has a temporary name. */
  readonly path: string;
  /** The path of its parent directory. */
  readonly above: string;
}

/** Files to write under their final names, into a directory that no other process writes to yet. */
export interface FilesJob {
  readonly into: string;
  readonly names: readonly string[];
  /** Modes in the tree, one for each name. */
  readonly modes: readonly number[];
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** A job for one file or directory. */
export type Job = FileJob | DirectoryJob;

/** The `lstat` values of a written file. */
export type FileStamp = readonly [
  size: number,
  mtimeMs: number,
  ctimeMs: number,
  ino: number,
  mode: number,
  dev: number,
];
