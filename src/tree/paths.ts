/**
 * Paths inside a store. A *path* is a string of segments joined by `/`; the empty path is the root.
 * A *normalized* path has no leading, trailing or doubled slash and no `.` or `..` segment. Bytes of
 * a name that are no UTF-8 stand in the string as `git/pathBytes.ts` says.
 */
import { InvalidPathError, TooDeepError } from '../errors.ts';
import { isForbiddenSegment } from '../git/objects/dotGit.ts';
import { checkText } from '../optionTypes.ts';

export { isForbiddenSegment };

/**
 * The most names that a path has. Git walks no deeper (`core.maxTreeDepth`, from 2.43 on): it could
 * neither check out, fetch nor collect what lies there.
 */
export const MAX_DEPTH = 2048;

/** Empty, `.` and `..` segments, and NUL: what a normalized path does not have. */
const NOT_NORMAL = /(?:^|\/)\.{0,2}(?:\/|$)|\0/;

/**
 * The path as the store knows it: a leading `/` and a trailing `/` are dropped, `.` segments and
 * doubled slashes collapse. `''` is the root.
 * @throws InvalidPathError for a `..` segment or a NUL
 */
export function normalizePath(path: string): string {
  if (typeof path !== 'string') checkText(path, 'A path');
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
 * @throws TooDeepError
 */
export function checkWritablePath(path: string): string {
  const normal = normalizePath(path);
  if (normal === '') throw new InvalidPathError('Path must not be empty', { path });
  if (isForbiddenSegment(normal)) {
    throw new InvalidPathError(`Path must not contain a '.git' segment: ${path}`, { path });
  }
  checkDepth(normal);
  return normal;
}

/**
 * Every walk down a tree asks this before it enters a directory, so that none is deeper than that.
 * @param path normalized
 * @param below how many more names come behind it: 1 for a directory that is entered
 * @throws TooDeepError where that makes more than `MAX_DEPTH`
 */
export function checkDepth(path: string, below: 0 | 1 = 0): void {
  // A path of n names has at least 2n - 1 characters.
  if (path.length < 2 * (MAX_DEPTH - below)) return;
  let names = 1 + below;
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) names++;
  if (names > MAX_DEPTH) throw new TooDeepError(path, MAX_DEPTH);
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
