/**
 * `core.sharedRepository` (git-config(1)): a repository that the members of a group, or all users of a
 * machine, write to. New files in it get the same permissions as from Git, regardless of the umask.
 *
 * Repositories are identified by the directory they were opened by. While none is shared, which is usual,
 * nothing here makes a system call.
 */

import { dirname } from 'node:path';
import { chmodSync, fchmodSync, fstatSync, statSync } from './fs.ts';

/** Permissions to add, or, when negative, to set instead of a file's own. */
type Sharing = number;

const NOT_SHARED = 0;
const GROUP = 0o660;
const EVERYBODY = 0o664;
const SET_GROUP_ID = 0o2000;

const shared = new Map<string, Sharing>();

/** Parses `core.sharedRepository`; undefined for a value that Git rejects too. */
export function parseSharing(value: string | undefined): Sharing | undefined {
  switch (value?.toLowerCase()) {
    case undefined:
    case 'umask':
    case 'false':
    case 'no':
    case 'off':
    case '0':
    case '':
      return NOT_SHARED;
    case 'group':
    case 'true':
    case 'yes':
    case 'on':
    case '1':
      return GROUP;
    case 'all':
    case 'world':
    case 'everybody':
    case '2':
      return EVERYBODY;
  }
  if (!/^0?[0-7]{3}$/.test(value!)) return undefined;
  const mode = Number.parseInt(value!, 8);
  return (mode & 0o600) === 0o600 ? -(mode & 0o666) : undefined;
}

/** Sets how a repository is shared. Call after reading its configuration. */
export function setSharing(gitDir: string, sharing: Sharing): void {
  if (sharing === NOT_SHARED || process.platform === 'win32') shared.delete(gitDir);
  else shared.set(gitDir, sharing);
}

/**
 * Gives a new file or directory the permissions that its repository asks for. Does not change files of
 * other users.
 * @param fd the file, when it is open
 */
export function share(path: string | Buffer, fd?: number): void {
  if (shared.size === 0) return;
  const sharing = sharingOf(path.toString());
  if (sharing === undefined) return;
  const stats = fd === undefined ? statSync(path) : fstatSync(fd);
  const mode = sharedMode(stats.mode, sharing, stats.isDirectory());
  if (mode === (stats.mode & 0o7777)) return;
  try {
    if (fd === undefined) chmodSync(path, mode);
    else fchmodSync(fd, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

function sharingOf(path: string): Sharing | undefined {
  for (let at = path; ; ) {
    const sharing = shared.get(at);
    const parent = dirname(at);
    if (sharing !== undefined || parent === at) return sharing;
    at = parent;
  }
}

/** As `calc_shared_perm` and `adjust_shared_perm` of Git's `path.c`. */
function sharedMode(mode: number, sharing: Sharing, isDirectory: boolean): number {
  let bits = Math.abs(sharing);
  if ((mode & 0o200) === 0) bits &= ~0o222;
  if ((mode & 0o100) !== 0) bits |= (bits & 0o444) >> 2;
  const own = mode & 0o7777;
  const result = sharing < 0 ? (own & ~0o777) | bits : own | bits;
  return isDirectory ? result | ((result & 0o444) >> 2) | SET_GROUP_ID : result;
}
