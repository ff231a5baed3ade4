/** The existing entries of a copy's destination. Lists each directory once, when it is first needed. */
import { isTreeMode } from '../../git/objects/tree.ts';
import { baseName, checkDepth, parentPath } from '../../tree/paths.ts';
import type { DestinationPlace, Entry } from '../rules/place.ts';

export class DestinationView<D extends Entry> {
  readonly #place: DestinationPlace<D>;
  readonly #fail: (path: string, error: unknown) => void;
  readonly #listings = new Map<string, ReadonlyMap<string, D> | undefined>();
  /** Directories that cannot be read. */
  readonly #closed = new Set<string>();

  /**
   * @param fail called for a directory that cannot be read. Unless it throws, the directory counts as
   *   empty and closed
   */
  constructor(place: DestinationPlace<D>, fail: (path: string, error: unknown) => void) {
    this.#place = place;
    this.#fail = fail;
  }

  async entry(path: string): Promise<D | undefined> {
    if (path === '') return this.#place.root;
    return (await this.listing(parentPath(path)))?.get(baseName(path));
  }

  /** A directory's entries by name; undefined when there is no such directory. */
  async listing(path: string): Promise<ReadonlyMap<string, D> | undefined> {
    // Its ancestors come first, starting at the nearest known one.
    const missing: string[] = [];
    for (let at = path; !this.#listings.has(at); at = parentPath(at)) {
      missing.push(at);
      if (at === '') break;
    }
    for (let at = missing.pop(); at !== undefined; at = missing.pop()) await this.#list(at);
    return this.#listings.get(path);
  }

  /** Lists a directory whose parent is listed. */
  async #list(path: string): Promise<void> {
    const above = path === '' ? undefined : this.#listings.get(parentPath(path));
    const entry = path === '' ? this.#place.root : above?.get(baseName(path));
    let listing: Map<string, D> | undefined;
    if (entry !== undefined && isTreeMode(entry.mode)) {
      listing = await this.#read(path, () => this.#place.list(path, entry));
    }
    this.#listings.set(path, listing);
  }

  /** Lists only some names of an existing directory. From then on they count as its whole content. */
  async listSome(path: string, names: ReadonlySet<string>): Promise<void> {
    const directory = (await this.entry(path))!;
    const listing = await this.#read(path, () => this.#place.pick(path, directory, names));
    this.#listings.set(path, listing);
  }

  /** Whether the directory, or one above it, cannot be read. */
  isClosed(path: string): boolean {
    if (this.#closed.size === 0) return false;
    for (let at = path; !this.#closed.has(at); at = parentPath(at)) if (at === '') return false;
    return true;
  }

  /** Whether nothing exists there, not even an empty directory. */
  async isVacant(path: string): Promise<boolean> {
    const entry = await this.entry(path);
    if (entry === undefined) return true;
    return isTreeMode(entry.mode) && (await this.listing(path))?.size === 0;
  }

  /** The file, or other non-directory, that blocks the way to `path`. */
  async blocker(path: string): Promise<string | undefined> {
    for (let at = path; at !== ''; at = parentPath(at)) {
      const entry = await this.entry(at);
      if (entry !== undefined) return isTreeMode(entry.mode) ? undefined : at;
    }
    return undefined;
  }

  async #read(path: string, list: () => Promise<readonly D[]>): Promise<Map<string, D>> {
    try {
      checkDepth(path, 1);
      return byName(await list());
    } catch (error) {
      this.#fail(path, error);
      this.#closed.add(path);
      return new Map();
    }
  }
}

function byName<D extends Entry>(entries: readonly D[]): Map<string, D> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}
