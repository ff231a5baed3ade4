/**
 * Which names and links of an archive may come into a tree. What would leave the root, or put one
 * thing under another that is no directory, is refused.
 */
import { ArchiveError } from '../errors.ts';
import type { FileMode } from '../git/objects/tree.ts';
import { MODE_LINK } from '../git/objects/tree.ts';
import { isForbiddenSegment, normalizePath, parentPath } from '../tree/paths.ts';
import { refused } from './errors.ts';
import { MAX_NAME } from './member.ts';

const ABSOLUTE = /^[/\\]|^[A-Za-z]:[/\\]/;

/**
 * The member's path in a tree; `''` for the root itself.
 * @throws ArchiveError for a name that is absolute, has a `..` or a NUL
 */
export function memberPath(name: string): string {
  if (ABSOLUTE.test(name)) throw refused(`${name}: an absolute name in the archive`, name);
  if (/(?:^|\/)\.\.(?:\/|$)/.test(name)) {
    throw refused(`${name}: a name with '..' in the archive`, name);
  }
  if (name.includes('\0')) throw refused(`${JSON.stringify(name)}: a name with NUL`, name);
  return normalizePath(name);
}

/** The path up to its first segment that Git refuses (`.git`); undefined when there is none. */
export function forbiddenPart(path: string): string | undefined {
  if (!isForbiddenSegment(path)) return undefined;
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    if (isForbiddenSegment(path.slice(0, end))) return path.slice(0, end);
  }
  return path;
}

/** @throws ArchiveError for a link without a target, and one that leads out unless `outside` */
export function checkLink(path: string, target: string, outside: boolean): void {
  if (target === '' || target.includes('\0')) throw refused(`${path}: a link to nowhere`, path);
  if (Buffer.byteLength(target) > MAX_NAME) {
    throw refused(`${path}: the target of the link is too long`, path);
  }
  if (!outside && leadsOut(path, target)) {
    const message = `${path}: a link that leads out of the archive, to ${target}`;
    throw new ArchiveError(message, { path, option: 'outsideLinks' });
  }
}

/** Whether the link's target is absolute or has more `..` than there are directories above it. */
function leadsOut(path: string, target: string): boolean {
  if (ABSOLUTE.test(target)) return true;
  let depth = path.split('/').length - 1;
  for (const segment of target.split('/')) {
    if (segment === '..') depth -= 1;
    else if (segment !== '' && segment !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

/** What an archive has brought so far: files and links by path, the last word on each wins. */
export class Brought<Value extends { readonly mode: FileMode }> {
  readonly files = new Map<string, Value>();
  readonly #directories = new Set<string>();

  /** @throws ArchiveError when a directory is there, or the path leads through a file or a link */
  add(path: string, value: Value): void {
    if (this.#directories.has(path)) throw bothKinds(path);
    this.#addDirectories(parentPath(path), path);
    this.files.set(path, value);
  }

  /** @throws ArchiveError as `add` */
  addDirectory(path: string): void {
    this.#addDirectories(path, path);
  }

  #addDirectories(directory: string, member: string): void {
    for (let at = directory; at !== '' && !this.#directories.has(at); at = parentPath(at)) {
      const file = this.files.get(at);
      if (file !== undefined) {
        if (at === member) throw bothKinds(at);
        const kind = file.mode === MODE_LINK ? 'link' : 'file';
        throw refused(`${member}: it lies under ${at}, which is a ${kind} in the archive`, member);
      }
      this.#directories.add(at);
    }
  }
}

function bothKinds(path: string) {
  return refused(`${path}: both a directory and no directory in the archive`, path);
}
