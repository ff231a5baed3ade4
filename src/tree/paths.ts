/**
 * Paths inside a store. A *path* is a string of segments joined by `/`; the empty path is the root.
 * A *normalized* path has no leading, trailing or doubled slash and no `.` or `..` segment. Bytes of
 * a name that are no UTF-8 stand in the string as `git/pathBytes.ts` says.
 */
import { InvalidPathError } from '../errors.ts';

/** Empty, `.` and `..` segments, and NUL: what a normalized path does not have. */
const NOT_NORMAL = /(?:^|\/)\.{0,2}(?:\/|$)|\0/;

/** Segments that NTFS opens as `.git` (is_ntfs_dotgit in Git's path.c; a backslash separates too). */
const NTFS_DOT_GIT = /(?:^|[/\\])(?:\.git|git~1)[. ]*(?:[/\\:]|$)/i;

/** Code points that HFS+ ignores in names (next_hfs_char in Git's utf8.c). */
const HFS_IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

const DOT_GIT = /(?:^|\/)\.git(?:\/|$)/i;

/** Any character from which a name may look different on HFS+. */
const ABOVE_ASCII = /[\u0080-\uffff]/;

/**
 * The path as the store knows it: a leading `/` and a trailing `/` are dropped, `.` segments and
 * doubled slashes collapse. `''` is the root.
 * @throws InvalidPathError for a `..` segment or a NUL
 */
export function normalizePath(path: string): string {
  if (typeof path !== 'string') throw new TypeError(`A path must be a string, not ${typeof path}`);
  if (!NOT_NORMAL.test(path)) return path;
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..')
      throw new InvalidPathError(`Path must not contain '..': ${path}`, { path });
    if (segment.includes('\0')) {
      throw new InvalidPathError(`Path must not contain NUL: ${JSON.stringify(path)}`, { path });
    }
    segments.push(segment);
  }
  return segments.join('/');
}

/**
 * The normalized path, fit to be written.
 * @throws InvalidPathError for what `normalizePath` refuses, the empty path, and any segment that
 *   Git would refuse to check out (`isForbiddenSegment`)
 */
export function checkWritablePath(path: string): string {
  const normal = normalizePath(path);
  if (normal === '') throw new InvalidPathError('Path must not be empty', { path });
  if (isForbiddenSegment(normal)) {
    throw new InvalidPathError(`Path must not contain a '.git' segment: ${path}`, { path });
  }
  return normal;
}

/**
 * Whether Git refuses to have an entry of this name: `.git` in any letter case, and what NTFS or
 * HFS+ take for the same name (`.git.`, `git~1`, `.git::$DATA`, ignorable code points in between).
 * Asked of a whole path, it answers whether any of its segments is such a name.
 */
export function isForbiddenSegment(name: string): boolean {
  if (NTFS_DOT_GIT.test(name)) return true;
  return ABOVE_ASCII.test(name) && DOT_GIT.test(name.replace(HFS_IGNORED, ''));
}

/** `directory/name`, where the directory may be the root. */
export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** The path of the directory that holds `path`; the root for a path of one segment. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** The last segment of `path`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether `path` is `directory` or lies below it. Both normalized. */
export function isWithin(path: string, directory: string): boolean {
  return (
    directory === '' ||
    (path.startsWith(directory) &&
      (path.length === directory.length || path[directory.length] === '/'))
  );
}
