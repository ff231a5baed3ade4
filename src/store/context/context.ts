/**
 * What all snapshots of a store share: the storage, its caches, the committer and the clock. Everything
 * in `store/` reaches the storage through it, so nothing can use a closed store.
 */
import { GitStoreError, storeClosed } from '../../errors.ts';
import type { Identity } from '../../git/objects/commit.ts';
import { AutomaticCollection } from '../../maintenance/auto.ts';
import { unreadableWarning } from '../../storage/refRules.ts';
import type { Memos, ObjectStore, RefEntry, RefStore, Storage } from '../../storage/storage.ts';
import { TreeReader } from '../../tree/reader.ts';
import { type OnWarning, type StoreWarning, warnProcess } from '../../warnings.ts';
import { CommitReader } from './commits.ts';
import { type Person, type Signer, type Signers, type Signing, signersOf } from './signers.ts';

/** What a write does whose branch has moved on. */
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
   * Determines both before the first signature, and takes precedence over `author` and `committer`. Gets
   * the store's directory on this disk.
   * @internal
   */
  signers?: ((folder: string | undefined) => Signers) | undefined;
  /**
   * Called with conditions that a program should know but that stop nothing, such as an unreadable branch
   * that a listing omits. Default: `process.emitWarning`.
   */
  onWarning?: OnWarning | undefined;
  /**
   * What a write does when the branch is no longer at its snapshot. `refuse` (default): throw a
   * `StaleSnapshotError`. `merge`: apply the write to the branch's tip, unless one of its paths has
   * changed since the snapshot, which throws a `StaleSnapshotError` with these `paths`. Note that what the
   * caller has read from the snapshot may be out of date then.
   */
  staleWrites?: StaleWrites | undefined;
  /** The time in milliseconds since the epoch; default `Date.now`. */
  now?: (() => number) | undefined;
  /** Time zone of commits in minutes east of UTC; default the machine's. */
  timezoneOffset?: number | undefined;
}

/** @throws GitStoreError (`EINVAL`) for any other value */
export function checkStaleWrites(choice: StaleWrites | undefined): StaleWrites | undefined {
  if (choice === undefined || choice === 'refuse' || choice === 'merge') return choice;
  throw new GitStoreError(`staleWrites is 'refuse' or 'merge', not '${choice}'`, 'EINVAL');
}

/** Warnings to remember, at most, to report each once. */
const MOST_WARNINGS = 1000;

export class StoreContext {
  readonly location: string;
  /** The store's directory on this disk, if any. */
  readonly folder: string | undefined;
  /** Default for writes. */
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

  /** Reports a warning. Reports the same one only once. */
  warn(warning: StoreWarning): void {
    if (this.#warned.has(warning.message)) return;
    if (this.#warned.size >= MOST_WARNINGS) this.#warned.clear();
    this.#warned.add(warning.message);
    this.#onWarning(warning);
  }

  /** Refs for a listing. Reports unreadable ones as warnings. */
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

  /** Identity and present time, for reflogs, which keep the real time. */
  signature(): Identity {
    const { name, email } = this.#who().committer;
    return { name, email, ...this.#dateOf(this.#now()) };
  }

  /**
   * Author and committer of a commit made now.
   * @param original the author to keep, when a commit is recreated
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
      // Adding 0 turns -0 into 0. Git writes -0 as `-0000`.
      offset: this.#timezoneOffset ?? -new Date(milliseconds).getTimezoneOffset() + 0,
    };
  }

  /** @throws BatchClosedError */
  assertOpen(): void {
    if (this.#closed) throw storeClosed(this.location);
  }

  /**
   * Whether both are the same store, possibly opened twice.
   * @throws BatchClosedError when either is closed
   */
  isSame(other: StoreContext): boolean {
    return other === this || other.storage.identity === this.storage.identity;
  }

  /** Call after each commit. */
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
