/**
 * The lock that one collection of a repository holds against others, `git gc` included: the file
 * `gc.pid` with process number and machine, as in Git's `builtin/gc.c`. A lock whose process is dead, or that
 * is older than 12 hours, is ignored.
 */

import { hostname } from 'node:os';
import { LockTimeoutError } from '../../../errors.ts';
import { isErrno, removeIfThere, writeFully } from '../../disk/durable.ts';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from '../../disk/fs.ts';
import { NO_LINK } from '../../disk/ownFiles.ts';
import { isAlive } from '../../disk/processes.ts';
import { whileWritable } from '../../disk/readOnly.ts';
import { share } from '../../disk/sharing.ts';

/** Milliseconds; Git takes a number of a process that is older for another process's. */
const OUTLIVED = 12 * 3600 * 1000;
/** A lock file of `gc.pid` itself is held for microseconds; this old, its maker is dead. */
const STUCK = 60_000;

/**
 * @returns how to give the lock back
 * @throws LockTimeoutError when another collection is running
 */
export function lockCollection(gitDir: string): () => void {
  const path = `${gitDir}/gc.pid`;
  const lock = `${path}.lock`;
  const fd = takeLockFile(lock);
  try {
    const holder = runningHolder(path);
    if (holder !== undefined) throw taken(path, holder);
    share(lock, fd);
    writeFully(fd, Buffer.from(`${process.pid} ${hostname()}`));
    renameSync(lock, path);
  } catch (error) {
    removeIfThere(lock);
    throw error;
  } finally {
    closeSync(fd);
  }
  return () => {
    if (holderOf(path)?.pid === process.pid) removeIfThere(path);
  };
}

function takeLockFile(lock: string): number {
  for (let attempt = 0; ; attempt++) {
    try {
      return whileWritable(lock, () => openSync(lock, 'wx'));
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (attempt > 0) throw taken(lock, 'another program');
    }
    const stats = statSync(lock, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > STUCK) removeIfThere(lock);
  }
}

function holderOf(path: string): { pid: number; host: string; age: number } | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | NO_LINK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP')) return undefined;
    throw error;
  }
  try {
    const [, pid, host] = /^(\d+) (\S+)/.exec(readFileSync(fd, 'utf8')) ?? [];
    if (pid === undefined || host === undefined) return undefined;
    return { pid: Number(pid), host, age: Date.now() - fstatSync(fd).mtimeMs };
  } finally {
    closeSync(fd);
  }
}

function runningHolder(path: string): string | undefined {
  const holder = holderOf(path);
  if (holder === undefined || holder.age > OUTLIVED) return undefined;
  if (holder.host === hostname() && !isAlive(holder.pid)) return undefined;
  return `process ${holder.pid} on ${holder.host}`;
}

function taken(path: string, holder: string): LockTimeoutError {
  return new LockTimeoutError(`The store is being collected already, by ${holder}: ${path}`, {
    path,
  });
}
