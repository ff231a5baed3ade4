/**
 * What every snapshot of a store shares: the storage, the caches over it, who commits and what time
 * it is. Everything in `store/` reaches the storage through it, so nothing can use a closed store.
 */
import { GitStoreError, storeClosed } from '../errors.ts';
import type { Identity } from '../git/commit.ts';
import { AutomaticCollection } from '../maintenance/auto.ts';
import { unreadableWarning } from '../storage/refRules.ts';
import type { Memos, ObjectStore, RefEntry, RefStore, Storage } from '../storage/storage.ts';
import { TreeReader } from '../tree/reader.ts';
import { type OnWarning, type StoreWarning, warnProcess } from '../warnings.ts';
import { CommitReader } from './commits.ts';
import { type Person, type Signer, type Signers, type Signing, signersOf } from './signers.ts';

/** What becomes of a write whose branch has moved on. */
export type StaleWrites = 'refuse' | 'merge';

/** The identity for commits, and the clock. */
export interface CommitterOptions {
  /** The author of commits, as `Name <mail>` or a name alone; default `gitstore`. */
  author?: string | undefined;
  /** The mail address, where `author` is a name alone; default `gitstore@localhost`. */
  email?: string | undefined;
  /** The committer in commits and reflog lines, as `Name <mail>`; default the author. */
  committer?: string | undefined;
  /**
   * Finds both before the first thing that is signed, and goes before `author` and `committer`. Takes the
   * directory on this disk that holds the store.
   * @internal
   */
  signers?: ((folder: string | undefined) => Signers) | undefined;
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
  readonly #findSigners: CommitterOptions['signers'];
  #signers: Signers | undefined;
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
    this.#findSigners = options.signers;
    this.#signers = options.signers === undefined ? signersOf(options) : undefined;
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

  /** Who does what is done now, and when: for reflogs, which keep the real time. */
  signature(): Identity {
    const { name, email } = this.#who().committer;
    return { name, email, ...this.#dateOf(this.#now()) };
  }

  /**
   * Who a commit that is made now is by.
   * @param original the author of the commit that it makes once more, who stays
   */
  commitSignatures(
    { author: given, time }: Signing = {},
    original?: Identity,
  ): { author: Identity; committer: Identity; who: Identity } {
    const { author, committer } = this.#who();
    const who = this.signature();
    const said = time === undefined ? undefined : this.#dateOf(time);
    const signed = (by: Person, date: Signer['date']): Identity => {
      const { time: at, offset } = said ?? date ?? who;
      const isWho = by.name === who.name && by.email === who.email && at === who.time;
      return isWho && offset === who.offset
        ? who
        : { name: by.name, email: by.email, time: at, offset };
    };
    return {
      author: signed(given ?? original ?? author, original ?? author.date),
      committer: signed(committer, committer.date),
      who,
    };
  }

  #who(): Signers {
    this.#signers ??= this.#findSigners!(this.folder);
    return this.#signers;
  }

  #dateOf(milliseconds: number): Pick<Identity, 'time' | 'offset'> {
    return {
      time: Math.floor(milliseconds / 1000),
      // The sum makes -0, which Git writes as `-0000`, a plain zero.
      offset: this.#timezoneOffset ?? -new Date(milliseconds).getTimezoneOffset() + 0,
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
