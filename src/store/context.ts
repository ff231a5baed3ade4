/**
 * What every snapshot of a store shares: the storage, the caches over it, who commits and what time
 * it is. Everything in `store/` reaches the storage through it, so nothing can use a closed store.
 */
import { BatchClosedError, GitStoreError } from '../errors.ts';
import { formatIdentity, type Identity, parseIdentity } from '../git/commit.ts';
import { AutomaticCollection } from '../maintenance/auto.ts';
import type { Memos, ObjectStore, RefStore, Storage } from '../storage/storage.ts';
import { TreeReader } from '../tree/reader.ts';
import { CommitReader } from './commits.ts';

/** Who commits, and by which clock. */
export interface CommitterOptions {
  /** Name on commits and reflog lines; default `gitstore`. */
  author?: string | undefined;
  /** E-mail address on commits and reflog lines; default `gitstore@localhost`. */
  email?: string | undefined;
  /** The time in milliseconds since the epoch; default `Date.now`. */
  now?: (() => number) | undefined;
  /** Time zone of commits in minutes east of UTC; default the machine's. */
  timezoneOffset?: number | undefined;
}

export class StoreContext {
  readonly location: string;
  readonly #storage: Storage;
  readonly #trees: TreeReader;
  readonly #commits: CommitReader;
  readonly #name: string;
  readonly #email: string;
  readonly #now: () => number;
  readonly #timezoneOffset: number | undefined;
  readonly #collection: AutomaticCollection;
  #closed = false;

  constructor(storage: Storage, options: CommitterOptions = {}) {
    const offset = options.timezoneOffset;
    if (offset !== undefined && !(Number.isInteger(offset) && Math.abs(offset) < 24 * 60)) {
      throw new GitStoreError(`Not a time zone offset in minutes: ${offset}`, 'EINVAL');
    }
    this.location = storage.location;
    this.#storage = storage;
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
    if (this.#closed) throw new BatchClosedError(`The store is closed: ${this.location}`);
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
