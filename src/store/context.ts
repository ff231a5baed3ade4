/**
 * What every snapshot of a store shares: the storage, the caches over it, who commits and what time
 * it is. Everything in `store/` reaches the storage through it, so nothing can use a closed store.
 */
import { GitStoreError, storeClosed } from '../errors.ts';
import { formatIdentity, type Identity, parseIdentity } from '../git/commit.ts';
import { AutomaticCollection } from '../maintenance/auto.ts';
import { unreadableWarning } from '../storage/refRules.ts';
import type { Memos, ObjectStore, RefEntry, RefStore, Storage } from '../storage/storage.ts';
import { TreeReader } from '../tree/reader.ts';
import { type OnWarning, type StoreWarning, warnProcess } from '../warnings.ts';
import { CommitReader } from './commits.ts';

/** What becomes of a write whose branch has moved on. */
export type StaleWrites = 'refuse' | 'merge';

/** Who commits, and by which clock. */
export interface CommitterOptions {
  /** Name on commits and reflog lines; default `gitstore`. */
  author?: string | undefined;
  /** E-mail address on commits and reflog lines; default `gitstore@localhost`. */
  email?: string | undefined;
  /**
   * Called with what a program should know and what stops nothing: a branch that cannot be read and is
   * left out of a listing, for example. Default: `process.emitWarning`.
   */
  onWarning?: OnWarning | undefined;
  /**
   * What a write does when the branch does not stand at its snapshot any more. `refuse` (default): it is
   * a `StaleSnapshotError`. `merge`: the write is put on what the branch has now, unless one of its paths
   * has changed since the snapshot, which is a `StaleSnapshotError` with these `paths`. What the caller has
   * read from the snapshot may be out of date then.
   */
  staleWrites?: StaleWrites | undefined;
  /** The time in milliseconds since the epoch; default `Date.now`. */
  now?: (() => number) | undefined;
  /** Time zone of commits in minutes east of UTC; default the machine's. */
  timezoneOffset?: number | undefined;
}

/** @throws GitStoreError (`EINVAL`) for a word that is neither */
export function checkStaleWrites(choice: StaleWrites | undefined): StaleWrites | undefined {
  if (choice === undefined || choice === 'refuse' || choice === 'merge') return choice;
  throw new GitStoreError(`staleWrites is 'refuse' or 'merge', not '${choice}'`, 'EINVAL');
}

/** More warnings than that are not told apart from those before. */
const MOST_WARNINGS = 1000;

export class StoreContext {
  readonly location: string;
  /** The directory on this disk that holds the store, where one does. */
  readonly folder: string | undefined;
  /** For writes that do not say it themselves. */
  readonly staleWrites: StaleWrites;
  readonly #storage: Storage;
  readonly #trees: TreeReader;
  readonly #commits: CommitReader;
  readonly #name: string;
  readonly #email: string;
  readonly #now: () => number;
  readonly #timezoneOffset: number | undefined;
  readonly #collection: AutomaticCollection;
  readonly #onWarning: OnWarning;
  readonly #warned = new Set<string>();
  #closed = false;

  constructor(storage: Storage, options: CommitterOptions = {}) {
    const offset = options.timezoneOffset;
    if (offset !== undefined && !(Number.isInteger(offset) && Math.abs(offset) < 24 * 60)) {
      throw new GitStoreError(`Not a time zone offset in minutes: ${offset}`, 'EINVAL');
    }
    this.location = storage.location;
    this.folder = storage.folder;
    this.staleWrites = checkStaleWrites(options.staleWrites) ?? 'refuse';
    this.#storage = storage;
    this.#onWarning = options.onWarning ?? warnProcess;
    this.#collection = new AutomaticCollection(storage);
    this.#trees = new TreeReader(storage.objects);
    this.#commits = new CommitReader(storage.objects);
    // As it can be written, so that a commit just made is what is read back.
    const { name, email } = parseIdentity(
      formatIdentity({
        name: options.author ?? 'gitstore',
        email: options.email ?? 'gitstore@localhost',
        time: 0,
        offset: 0,
      }),
    );
    this.#name = name;
    this.#email = email;
    this.#now = options.now ?? Date.now;
    this.#timezoneOffset = offset;
  }

  get objects(): ObjectStore {
    this.assertOpen();
    return this.#storage.objects;
  }

  get refs(): RefStore {
    this.assertOpen();
    return this.#storage.refs;
  }

  get memos(): Memos {
    this.assertOpen();
    return this.#storage.memos;
  }

  /** For work on the storage as a whole. */
  get storage(): Storage {
    this.assertOpen();
    return this.#storage;
  }

  /** Tells of something that stops nothing; of the same thing once. */
  warn(warning: StoreWarning): void {
    if (this.#warned.has(warning.message)) return;
    if (this.#warned.size >= MOST_WARNINGS) this.#warned.clear();
    this.#warned.add(warning.message);
    this.#onWarning(warning);
  }

  /** Refs for a listing: of those that cannot be read it tells as a warning. */
  async listRefs(prefix: string): Promise<readonly RefEntry[]> {
    const { refs, unreadable } = await this.refs.list(prefix);
    for (const one of unreadable) this.warn(unreadableWarning(one));
    return refs;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now();
  }

  get trees(): TreeReader {
    this.assertOpen();
    return this.#trees;
  }

  get commits(): CommitReader {
    this.assertOpen();
    return this.#commits;
  }

  /** Who does what is done now, and when. */
  signature(): Identity {
    const now = this.#now();
    return {
      name: this.#name,
      email: this.#email,
      time: Math.floor(now / 1000),
      // The sum makes -0, which Git writes as `-0000`, a plain zero.
      offset: this.#timezoneOffset ?? -new Date(now).getTimezoneOffset() + 0,
    };
  }

  /** @throws BatchClosedError */
  assertOpen(): void {
    if (this.#closed) throw storeClosed(this.location);
  }

  /**
   * Whether it is the same store, opened a second time perhaps.
   * @throws BatchClosedError when either is closed
   */
  isSame(other: StoreContext): boolean {
    return other === this || other.storage.identity === this.storage.identity;
  }

  /** To be called after each commit. */
  wrote(): void {
    this.#collection.wrote();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#collection.close();
    await this.#storage.close();
  }
}
