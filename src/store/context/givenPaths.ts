/**
 * The local paths of one call. They become absolute at the call, so that a later change of the current
 * directory has no effect. Reports and errors show them as they were given.
 */
import { isAbsolute, sep } from 'node:path';
import type { ArchiveFile } from '../../archive/options.ts';
import { GitStoreError } from '../../errors.ts';
import { addressOf, localName, shown } from '../../optionTypes.ts';
import { absolutePath } from '../../storage/disk/fs.ts';
import { type ChangeProblem, ChangeReport, type FileEntry } from '../../tree/changes.ts';

/** An archive argument with its file path as a string. */
export type NamedFiles<T> = Exclude<T, ArchiveFile> | { readonly file: string };

export class GivenPaths {
  /** The base of relative paths, with a slash; undefined when all paths are absolute. */
  #from: string | undefined;

  /** @param what name of the argument for errors */
  at(given: unknown, what: string): string {
    const path = localName(given, what);
    // Each drive of Windows has its own current directory.
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
    // A leading host name is a mistake that is reported later.
    const isNoPath = address === '' || /^[^/\\]*:|^(?:[a-z0-9-]+\.)+[a-z]{2,}[/\\]/i.test(address);
    return isNoPath ? address : this.at(address, 'The URL');
  }

  /** The destination or source of an archive. */
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

  /** Runs the work, and shows paths in its errors as they were given. */
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

/** A single path or several as an array. */
export function listOf<T extends string | URL>(paths: T | readonly T[]): readonly T[] {
  return Array.isArray(paths) ? paths : [paths as T];
}
