/**
 * What a copy removes from the destination: what is in the way of a source, and with `delete` the files that
 * no source covers, inside the source directories. As in rsync, what is excluded or protected stays, and so
 * does what could not be read in the source.
 */
import { isTreeMode } from '../../git/objects/tree.ts';
import { joinPath } from '../../tree/paths.ts';
import { type Entry, MODE_NONE } from '../rules/place.ts';
import type { CopyTask } from './copyPlan.ts';
import type { Coverage } from './coverage.ts';
import type { DestinationView } from './destinationView.ts';
import type { Guard } from './guard.ts';

export class Deletions<S extends Entry, D extends Entry> {
  readonly #task: CopyTask<S, D>;
  readonly #view: DestinationView<D>;
  readonly #coverage: Coverage<S, D>;
  readonly #guard: Guard<S, D>;
  /** The files to remove, by path in the destination. */
  readonly deletes = new Map<string, D>();
  /** Destination directories that the sources do not have, each after the ones within it. */
  readonly vacated: string[] = [];

  constructor(
    task: CopyTask<S, D>,
    view: DestinationView<D>,
    coverage: Coverage<S, D>,
    guard: Guard<S, D>,
  ) {
    this.#task = task;
    this.#view = view;
    this.#coverage = coverage;
    this.#guard = guard;
  }

  /** Plans the removal of files where the sources have directories, including directories without files. */
  async clearWay(): Promise<void> {
    if (this.#task.options.ignoreExisting) return;
    for (const path of this.#coverage.directories) {
      const entry = await this.#view.entry(path);
      if (entry === undefined || isTreeMode(entry.mode) || this.deletes.has(path)) continue;
      // A copy to disk represents a submodule as a directory without files.
      if (this.#task.destination.keeps?.(entry) !== undefined) continue;
      if (!(await this.#guard.protects(path, false))) this.deletes.set(path, entry);
    }
  }

  /** Plans the removal of an entry that is in the way. */
  replace(path: string, entry: D): void {
    this.warnOfReplacing(path, entry);
    this.deletes.set(path, entry);
  }

  warnOfReplacing(path: string, entry: D): void {
    const { run, destination } = this.#task;
    if (destination.keeps?.(entry) === undefined) return;
    run.warn(destination.show(path), 'a submodule, replaced by the entry in the source');
  }

  /** Plans the removal of everything in a directory. Returns false and plans nothing when it must stay. */
  async clear(path: string): Promise<boolean> {
    const deletes: [string, D][] = [];
    const vacated: string[] = [];
    const open = [{ path, entries: entriesOf(await this.#view.listing(path)) }];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const next = level.entries.next();
      if (next.done) {
        if (this.#view.isClosed(level.path)) return false;
        open.pop();
        if (open.length > 0) vacated.push(level.path);
        continue;
      }
      const [name, entry] = next.value;
      const child = joinPath(level.path, name);
      const isTree = isTreeMode(entry.mode);
      if (this.#guard.excludes(child, isTree)) return false;
      if (await this.#guard.protects(child, isTree)) return false;
      if (!isTree) deletes.push([child, entry]);
      else open.push({ path: child, entries: entriesOf(await this.#view.listing(child)) });
    }
    for (const [child, entry] of deletes) this.replace(child, entry);
    for (const directory of vacated) this.vacated.push(directory);
    return true;
  }

  /** Plans the removal of the entries that no source covers in a destination directory. */
  async sweep(top: string): Promise<void> {
    const open = [await this.#swept(top)];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const next = level.entries.next();
      if (!next.done) {
        const [name, entry] = next.value;
        const path = joinPath(level.path, name);
        if (await this.#sweepEntry(path, entry)) open.push(await this.#swept(path));
        continue;
      }
      open.pop();
      const { path } = level;
      if (open.length === 0 || this.#coverage.directories.has(path) || this.#view.isClosed(path))
        continue;
      this.vacated.push(path);
    }
  }

  /** A destination directory and the names to look at in it. */
  async #swept(path: string): Promise<{ path: string; entries: Iterator<[string, D]> }> {
    const isLeft = this.#coverage.untouchable.has(path) || this.#coverage.same.has(path);
    const listing = isLeft ? undefined : await this.#view.listing(path);
    return { path, entries: entriesOf(listing) };
  }

  /** Whether the entry is a directory to look into. Plans the removal of any other entry. */
  async #sweepEntry(path: string, entry: D): Promise<boolean> {
    const { run, destination, options } = this.#task;
    const isTree = isTreeMode(entry.mode);
    if (
      this.#coverage.untouchable.has(path) ||
      this.#coverage.covered.has(path) ||
      this.deletes.has(path)
    ) {
      return false;
    }
    if (this.#guard.excludes(path, isTree)) return false;
    if (await this.#guard.protects(path, isTree)) return false;
    // A file in the way of a source directory counts as existing.
    if (options.ignoreExisting && !isTree && this.#coverage.directories.has(path)) return false;
    if (isTree) return true;
    const isNone = entry.mode === MODE_NONE;
    const reason = isNone ? 'not deleted: neither a file nor a link' : destination.keeps?.(entry);
    if (reason === undefined) this.deletes.set(path, entry);
    else run.warn(destination.show(path), reason);
    return false;
  }
}

function entriesOf<D>(listing: ReadonlyMap<string, D> | undefined): Iterator<[string, D]> {
  return (listing ?? new Map<string, D>()).entries();
}
