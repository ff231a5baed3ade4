/**
 * Reflog files: `logs/<ref>`, one line for each value of the ref, oldest first (reflogLine.ts).
 */

import { ZERO_ID } from '../../../../git/objectId.ts';
import { parseReflogLine } from '../../../../git/refs/reflogLine.ts';
import { reasonOf } from '../../../../systemFaults.ts';
import { isErrno, readFullySync, removeIfThere, writeFully } from '../../../disk/durable.ts';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  unlinkSync,
} from '../../../disk/fs.ts';
import { isLink } from '../../../disk/ownFiles.ts';
import { share } from '../../../disk/sharing.ts';
import { parentNames, unreadableRef } from '../../../refRules.ts';
import type { ReflogEntry } from '../../../storage.ts';
import { PendingFile } from './pendingFile.ts';
import { diskPath, makeParent, removeEmptyParents, removeEmptyTree } from './refPaths.ts';

const CHUNK_SIZE = 64 * 1024;
/** Bytes of a line to read, at most. Only the message of a longer line is truncated. */
const MAX_LINE_SIZE = 1024 * 1024;
const NEWLINE = 0x0a;

/** Adds lines to the logs of one repository. */
export class ReflogWriter {
  readonly #gitDir: string;
  /** End of each log after the last line added here. */
  readonly #ends = new Map<string, number>();

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
  }

  /**
   * Appends a line (with its newline) to the log of `ref`. Callers hold the ref's lock. When it throws, the
   * log is unchanged.
   */
  append(ref: string, line: Uint8Array): AppendedLine {
    if (!this.#ends.has(ref)) clearLinkedFolders(this.#gitDir, ref);
    const fd = openLog(this.#gitDir, ref);
    let end: LogEnd;
    try {
      end = findEnd(fd, this.#ends.get(ref));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    const appended = new AppendedLine(this.#gitDir, ref, fd, end.size);
    // A crash of the machine can truncate a line. The next one must start on a new line.
    const added = end.isWhole ? line : Buffer.concat([Buffer.of(NEWLINE), line]);
    try {
      writeFully(fd, added);
    } catch (error) {
      appended.takeBack();
      throw error;
    }
    if (this.#ends.size >= MOST_ENDS) this.#ends.clear();
    this.#ends.set(ref, end.size + added.length);
    return appended;
  }
}

/** Log ends to remember, at most. */
const MOST_ENDS = 256;

interface LogEnd {
  readonly size: number;
  /** Whether the last line has its newline. */
  readonly isWhole: boolean;
}

/** @param expected the probable end, which one read verifies in a third of the time */
function findEnd(fd: number, expected: number | undefined): LogEnd {
  if (expected !== undefined && readSync(fd, lastBytes, 0, 2, expected - 1) === 1) {
    return { size: expected, isWhole: lastBytes[0] === NEWLINE };
  }
  const { size } = fstatSync(fd);
  if (size > 0) readSync(fd, lastBytes, 0, 1, size - 1);
  return { size, isWhole: size === 0 || lastBytes[0] === NEWLINE };
}

const lastBytes = Buffer.alloc(2);

/** A line appended to a log that can still be removed. */
export class AppendedLine {
  readonly ref: string;
  /** Open until `close()`, to flush the line to stable storage. */
  readonly fd: number;
  readonly #gitDir: string;
  readonly #sizeBefore: number;

  constructor(gitDir: string, ref: string, fd: number, sizeBefore: number) {
    this.#gitDir = gitDir;
    this.ref = ref;
    this.fd = fd;
    this.#sizeBefore = sizeBefore;
  }

  /** True when the log did not exist before, or was empty. */
  get created(): boolean {
    return this.#sizeBefore === 0;
  }

  /** Restores the log as far as possible, and closes it. */
  takeBack(): void {
    try {
      ftruncateSync(this.fd, this.#sizeBefore);
      if (this.created) tryRemoveReflog(this.#gitDir, this.ref);
    } catch {
      // A line for a change that did not happen is harmless: see refTransaction.ts.
    } finally {
      this.close();
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** The entries of a ref's log, newest first, in fixed memory. */
export function* readReflog(gitDir: string, ref: string): Generator<ReflogEntry> {
  let fd: number;
  try {
    fd = openSync(diskPath(gitDir, `logs/${ref}`), 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return;
    throw error;
  }
  try {
    for (const line of linesBackwards(fd)) {
      const entry = parseReflogLine(line);
      if (entry !== undefined) yield entry;
    }
  } finally {
    closeSync(fd);
  }
}

/** Starts the log of a new ref with a copy of another ref's log, if there is one. */
export function copyReflog(gitDir: string, from: string, to: string): void {
  clearLinkedFolders(gitDir, to);
  makeParent(gitDir, `logs/${to}`);
  const [source, target] = [diskPath(gitDir, `logs/${from}`), diskPath(gitDir, `logs/${to}`)];
  if (isLink(source)) return;
  try {
    removeIfThere(target);
    copyFileSync(source, target, constants.COPYFILE_EXCL);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return;
    throw unreadableRef(`logs/${from}`, reasonOf(error), error);
  }
}

/**
 * Truncates a log to its newest line. Callers hold the ref's lock.
 * @returns the removed lines
 */
export function restartReflog(gitDir: string, ref: string): Set<string> {
  const lines = linesOf(gitDir, ref);
  const newest = lines.pop();
  if (newest !== undefined) replaceLog(gitDir, ref, [fromNothing(newest)]);
  return new Set(lines);
}

/** Removes lines from a log, except the newest one. Callers hold the ref's lock. */
export function dropFromReflog(gitDir: string, ref: string, gone: ReadonlySet<string>): void {
  const lines = linesOf(gitDir, ref);
  const newest = lines.pop();
  if (newest === undefined) return;
  const kept = lines.filter((line) => !gone.has(line));
  replaceLog(gitDir, ref, [...kept, fromNothing(newest)]);
}

/** The line that a move made. */
function fromNothing(line: string): string {
  return ZERO_ID + line.slice(ZERO_ID.length);
}

function linesOf(gitDir: string, ref: string): string[] {
  try {
    const text = readFileSync(diskPath(gitDir, `logs/${ref}`), 'latin1');
    return text.split('\n').filter((line) => line !== '');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return [];
    throw unreadableRef(`logs/${ref}`, reasonOf(error), error);
  }
}

/** Replaces the log. Flushes the new file to stable storage before the rename. */
function replaceLog(gitDir: string, ref: string, lines: readonly string[]): void {
  const content = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');
  clearLinkedFolders(gitDir, ref);
  const file = new PendingFile(gitDir, 'log', content);
  file.syncNow();
  const path = diskPath(gitDir, `logs/${ref}`);
  file.replace(path);
  share(path);
}

/** Removes a ref's log. Ignores failures, because a leftover log blocks no ref: see `makeLogDirectory`. */
export function tryRemoveReflog(gitDir: string, ref: string): void {
  const log = `logs/${ref}`;
  try {
    clearLinkedFolders(gitDir, ref);
    unlinkSync(diskPath(gitDir, log));
  } catch {
    return;
  }
  removeEmptyParents(gitDir, log);
}

const APPENDED =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

function openLog(gitDir: string, ref: string): number {
  const log = `logs/${ref}`;
  const path = diskPath(gitDir, log);
  for (let attempt = 0; ; attempt++) {
    try {
      const fd = openSync(path, APPENDED, 0o666);
      share(path, fd);
      return fd;
    } catch (error) {
      if (attempt === MAX_OPEN_ATTEMPTS) throw error;
      if (isErrno(error, 'EISDIR')) removeEmptyTree(path);
      // Git never makes a log that is a link, which could lead to any file of the user.
      else if (isErrno(error, 'ELOOP', 'EMLINK')) unlinkSync(path);
      else if (isErrno(error, 'ENOENT', 'ENOTDIR')) makeLogDirectory(gitDir, ref);
      else throw error;
    }
  }
}

/**
 * Removes links in the place of folders on the way to a log, except those that Git's own tools make: links
 * to the same folder of another repository (`git-new-workdir`).
 */
function clearLinkedFolders(gitDir: string, ref: string): void {
  for (const name of ['logs', ...parentNames(`logs/${ref}`)].filter((one) => one !== '')) {
    const path = diskPath(gitDir, name);
    if (!isLink(path)) continue;
    const target = existsSync(path) ? realpathSync(path) : '';
    if (!target.replaceAll('\\', '/').endsWith(`/${name}`)) unlinkSync(path);
  }
}

/** Retries, because other processes may remove empty directories as fast as we make them. */
const MAX_OPEN_ATTEMPTS = 5;

function makeLogDirectory(gitDir: string, ref: string): void {
  try {
    makeParent(gitDir, `logs/${ref}`);
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'EEXIST')) throw error;
    // No existing ref blocks the new one, so the file is the log of a deleted ref.
    for (const parent of parentNames(ref)) tryRemoveReflog(gitDir, parent);
  }
}

/** The lines of a file without their newlines, last line first. */
function* linesBackwards(fd: number): Generator<Uint8Array> {
  let end = fstatSync(fd).size;
  /** The first part of the text after `end`, up to the first newline. */
  let rest: Buffer = Buffer.alloc(0);
  while (end > 0) {
    const start = Math.max(0, end - CHUNK_SIZE);
    const chunk = Buffer.allocUnsafe(end - start);
    const got = readFullySync(fd, chunk, chunk.length, start);
    const block = Buffer.concat([chunk.subarray(0, got), rest]);
    let lineEnd = block.length;
    for (;;) {
      const newline = lineEnd > 0 ? block.lastIndexOf(NEWLINE, lineEnd - 1) : -1;
      if (newline < 0) break;
      if (newline + 1 < lineEnd) yield block.subarray(newline + 1, lineEnd);
      lineEnd = newline;
    }
    rest = block.subarray(0, Math.min(lineEnd, MAX_LINE_SIZE));
    end = start;
  }
  if (rest.length > 0) yield rest;
}
