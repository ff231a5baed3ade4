/**
 * *Members* are what an archive consists of, whatever its format: one name each, with content, a
 * link's target, or nothing.
 */
import type { FileMode } from '../git/objects/tree.ts';

/** A member as an archive has it, unchecked. Its data must be read before the next member is asked for. */
export interface ArchiveMember {
  /** The name; bytes that are no UTF-8 as `git/pathBytes.ts` says. */
  readonly path: string;
  /** `other`: a device, a pipe and the like. */
  readonly type: 'file' | 'link' | 'hardlink' | 'directory' | 'other';
  readonly executable: boolean;
  /** Bytes of a file's content. */
  readonly size: number;
  /** Where a link points to; which member a hard link is another name of. */
  readonly target?: string | undefined;
  /** What an `other` is, in words. */
  readonly what?: string | undefined;
  /** The whole content, the caller's own bytes. */
  read(): Promise<Uint8Array>;
  /** The content as it comes. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** A member to be written. */
export interface NewMember {
  readonly path: string;
  /** A file's, a link's or a tree's. */
  readonly mode: FileMode;
  /** Bytes of the content, or of a link's target. */
  readonly size: number;
  /** The content or target; large content as a stream. Of a directory: no bytes. */
  readonly data: Uint8Array | AsyncIterable<Uint8Array>;
}

/** What the whole archive says about its origin. */
export interface ArchiveOrigin {
  /** Id of the commit. */
  readonly commit: string;
  /** When it was made, in seconds since the epoch: the time of every member. */
  readonly time: number;
}

/** Content above this many bytes is streamed. */
export const SMALL_MEMBER = 1 << 20;

/** Longest name in bytes, as everywhere on disk (PATH_MAX). */
export const MAX_NAME = 4096;
