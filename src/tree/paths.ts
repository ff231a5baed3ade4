/**
 * Paths inside a store. A *path* is a string of segments joined by `/`; the empty path is the root.
 * A *normalized* path has no leading, trailing or doubled slash and no `.` or `..` segment. Bytes of
 * a name that are no UTF-8 stand in the string as `git/pathBytes.ts` says.
 */
import { InvalidPathError } from '../errors.ts';
import { isForbiddenSegment } from '../git/dotGit.ts';

export { isForbiddenSegment };

/** Empty, `.` and `..` segments, and NUL: what a normalized path does not have. */
const NOT_NORMAL = /(?:^|\/)\.{0,2}(?:\/|$)|\0/;

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
