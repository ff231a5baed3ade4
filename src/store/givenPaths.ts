/**
 * The local paths of one call. They are made absolute when it is made: what is read and written does not
 * depend on where the process stands later. Reports and errors name them as they were given.
 */
import { isAbsolute, sep } from 'node:path';
import type { ArchiveFile } from '../archive/options.ts';
import { GitStoreError } from '../errors.ts';
import { addressOf, localName, shown } from '../optionTypes.ts';
import { absolutePath } from '../storage/disk/fs.ts';
import { type ChangeProblem, ChangeReport, type FileEntry } from '../tree/changes.ts';

/** What names a file, with its path as a string. */
export type NamedFiles<T> = Exclude<T, ArchiveFile> | { readonly file: string };

export class GivenPaths {
  /** The directory that relative paths were given from, with a slash; undefined where none were. */
  #from: string | undefined;

  /** @param what names the path in an error */
  at(given: unknown, what: string): string {
    const path = localName(given, what);
    // A drive of Windows has a current directory of its own.
    if (path === '' || isAbsolute(path) || /^[A-Za-z]:/.test(path)) return path;
    const folder = absolutePath('.');
    this.#from = folder.endsWith(sep) ? folder : folder + sep;
    // `/./` would mean something else.
    return this.#from + path.replace(/^\.(?:[/\\]+|$)/, '');
  }

  all(given: unknown, what: string): string[] {
    return listOf(given as never).map((path) => this.at(path, what));
  }

  /** A remote's address: a URL, `host:path`, or a path of this disk. */
  remote(given: unknown): string {
    const address = addressOf(given, 'The URL');
    // What looks like a host in front is a mistake that is explained later.
    const isNoPath = address === '' || /^[^/\\]*:|^(?:[a-z0-9-]+\.)+[a-z]{2,}[/\\]/i.test(address);
    return isNoPath ? address : this.at(address, 'The URL');
  }

  /** Where an archive goes or comes from. */
  archive<T>(place: T, method: string): NamedFiles<T> {
    if (place instanceof URL) return { file: this.at(place, 'The archive') } as NamedFiles<T>;
    if (typeof place !== 'object' || place === null) {
      throw new GitStoreError(
        `${method} takes a stream or { file: PATH }, not ${shown(place)}`,
        'EINVAL',
      );
    }
    const named = 'file' in place ? { ...place, file: this.at(place.file, 'The archive') } : place;
    return named as NamedFiles<T>;
  }

  /** A path as it was given. */
  told(path: string): string {
    return this.#from !== undefined && path.startsWith(this.#from)
      ? path.slice(this.#from.length)
      : path;
  }

  /** Does the work, and names paths in what it throws as they were given. */
  async while<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#from === undefined ? error : this.#told(error, this.#from);
    }
  }

  /** The report with the paths as they were given. */
  report(changes: ChangeReport): ChangeReport {
    const from = this.#from;
    if (from === undefined) return changes;
    const file = (entry: FileEntry): FileEntry =>
      entry.path.startsWith(from) ? { ...entry, path: this.told(entry.path) } : entry;
    const problem = ({ path, error }: ChangeProblem): ChangeProblem => ({
      path: this.told(path),
      error: error.replaceAll(from, ''),
    });
    const { add, update, delete: deleted, errors, warnings } = changes;
    return new ChangeReport({
      ...changes,
      add: add.map(file),
      update: update.map(file),
      delete: deleted.map(file),
      errors: errors.map(problem),
      warnings: warnings.map(problem),
    });
  }

  #told(error: unknown, from: string): unknown {
    if (!(error instanceof GitStoreError) || !error.message.includes(from)) return error;
    error.message = error.message.replaceAll(from, '');
    if (error.path?.startsWith(from)) Object.assign(error, { path: error.path.slice(from.length) });
    return error;
  }
}

/** Paths that may be given as one or as several. */
export function listOf<T extends string | URL>(paths: T | readonly T[]): readonly T[] {
  return Array.isArray(paths) ? paths : [paths as T];
}
