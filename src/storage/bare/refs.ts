/**
 * The refs of a bare repository on disk, as Git's files backend keeps them: loose files, packed-refs,
 * reflogs. Reading takes no lock; changing takes the store's and Git's (storeLock.ts).
 */
import { monotonicTime } from '../../clock.ts';
import { CorruptObjectError, LockTimeoutError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { comparePaths, encodePath } from '../../git/pathBytes.ts';
import { isValidRefName } from '../../git/refName.ts';
import { brokenRef, checkRef, checkUpdates, defaultReflog } from '../refRules.ts';
import type { Durability, Head, RefEntry, ReflogEntry, RefStore, RefUpdate } from '../storage.ts';
import { syncDirectory } from './durable.ts';
import { listLooseRefs, readLooseRef } from './looseRefs.ts';
import { PackedRefsFile } from './packedRefsFile.ts';
import { PendingFile } from './pendingFile.ts';
import { RecentRefs } from './recentRefs.ts';
import { ReflogWriter, readReflog } from './reflogFile.ts';
import { type PeelObject, RefPacking } from './refPacking.ts';
import { diskPath } from './refPaths.ts';
import { completeMoves } from './refRecovery.ts';
import {
  PACKED_REFS_LOCK,
  type RefPlace,
  RefTransaction,
  type TransactionStep,
} from './refTransaction.ts';
import { tryResolveRef } from './resolveRef.ts';
import { StoreLock, type StoreLockOptions } from './storeLock.ts';
import { Turns } from './turns.ts';
import { Backoff } from './waiting.ts';

export interface BareRefsOptions extends StoreLockOptions {
  readonly durability: Durability;
  /** How long to wait for a lock, in milliseconds; default 10,000. */
  readonly lockTimeout?: number | undefined;
  /** Milliseconds since the epoch, for reflog lines that name nobody; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Called at the places of a change where a crash hurts, for tests. */
  readonly onStep?: ((step: TransactionStep) => void) | undefined;
}

const DEFAULT_LOCK_TIMEOUT = 10_000;

export class BareRefs implements RefStore {
  readonly #gitDir: string;
  readonly #packed: PackedRefsFile;
  readonly #recent: RecentRefs;
  readonly #lock: StoreLock;
  readonly #place: RefPlace;
  readonly #turns: Turns;
  readonly #timeout: number;
  readonly #now: () => number;

  constructor(gitDir: string, options: BareRefsOptions) {
    this.#gitDir = gitDir;
    this.#packed = new PackedRefsFile(gitDir);
    this.#recent = new RecentRefs(gitDir, this.#packed);
    this.#lock = new StoreLock(gitDir, (moves) => completeMoves(this.#place, moves), options);
    let reflogs: ReflogWriter | undefined;
    this.#place = {
      gitDir,
      packed: this.#packed,
      lock: this.#lock,
      // A command that only reads is not to load what writes.
      get reflogs() {
        reflogs ??= new ReflogWriter(gitDir);
        return reflogs;
      },
      durability: options.durability,
      onStep: options.onStep ?? (() => {}),
    };
    this.#turns = new Turns(gitDir, options.kernelLocks);
    this.#timeout = options.lockTimeout ?? DEFAULT_LOCK_TIMEOUT;
    this.#now = options.now ?? Date.now;
    this.#lock.clearLeftovers();
  }

  async get(ref: string): Promise<ObjectId | undefined> {
    if (ref !== 'HEAD' && !isValidRefName(ref)) return undefined;
    return this.#recent.resolve(ref);
  }

  async has(ref: string): Promise<boolean> {
    if (!isValidRefName(ref)) return false;
    return readLooseRef(this.#gitDir, ref) !== undefined || this.#packed.get(ref) !== undefined;
  }

  async list(prefix: string): Promise<RefEntry[]> {
    // Loose names first: a ref that is packed meanwhile is then found in the packed file.
    const loose = listLooseRefs(this.#gitDir, prefix);
    const found = new Map<string, ObjectId>();
    for (const { ref, id } of this.#packed.withPrefix(prefix)) {
      if (isValidRefName(ref)) found.set(ref, id);
    }
    for (const ref of loose) {
      const id = tryResolveRef(this.#gitDir, this.#packed, ref);
      if (id === undefined) found.delete(ref);
      else found.set(ref, id);
    }
    const entries = Array.from(found, ([ref, id]): RefEntry => ({ ref, id }));
    return entries.sort((a, b) => comparePaths(a.ref, b.ref));
  }

  async update(updates: readonly RefUpdate[]): Promise<void> {
    checkUpdates(updates);
    if (updates.length === 0) return;
    const fallback = () => defaultReflog(this.#now);
    const directories = await this.#whileLocked(async () => {
      const transaction = new RefTransaction(this.#place, updates, fallback);
      try {
        const blocked = transaction.prepare();
        if (blocked !== undefined) return { blocked };
        return { done: await transaction.commit() };
      } finally {
        transaction.unlock();
      }
    });
    if (this.#place.durability === 'full') await this.#sync(directories);
  }

  async head(): Promise<Head> {
    const head = readLooseRef(this.#gitDir, 'HEAD');
    if (head === undefined) {
      throw new CorruptObjectError(`HEAD is missing in ${this.#gitDir}`, { ref: 'HEAD' });
    }
    if (head.kind === 'broken') throw brokenRef('HEAD');
    return head.kind === 'id' ? { id: head.id } : { ref: head.target };
  }

  async setHead(ref: string): Promise<void> {
    checkRef(ref);
    await this.#whileLocked(async () => {
      const lockName = 'HEAD.lock';
      this.#lock.announce([lockName]);
      if (!this.#lock.tryMakeLockFile(lockName)) return { blocked: lockName };
      try {
        const head = new PendingFile(this.#gitDir, 'HEAD', encodePath(`ref: ${ref}\n`));
        if (this.#place.durability === 'full') await head.sync();
        head.moveTo(`${this.#gitDir}/HEAD`);
        return { done: undefined };
      } finally {
        this.#lock.removeLockFile(lockName);
      }
    });
    if (this.#place.durability === 'full') await this.#sync(['']);
  }

  async *reflog(ref: string): AsyncGenerator<ReflogEntry> {
    if (ref === 'HEAD' || isValidRefName(ref)) yield* readReflog(this.#gitDir, ref);
  }

  turn(ref: string, timeout: number): Promise<() => void> {
    return this.#turns.take(ref, timeout);
  }

  /** Runs `work` while no writer of ours can move a ref. */
  async whileLocked<T>(work: () => Promise<T>): Promise<T> {
    return this.#whileLocked(async () => ({ done: await work() }));
  }

  /** Puts loose refs into `packed-refs` (refPacking.ts). */
  async pack(peel: PeelObject, signal?: AbortSignal): Promise<void> {
    const packing = new RefPacking(this.#place, peel);
    await packing.prepare();
    await this.#whileLocked(async () =>
      (await packing.write()) ? { done: undefined } : { blocked: PACKED_REFS_LOCK },
    );
    while (packing.isPending) {
      signal?.throwIfAborted();
      await this.whileLocked(async () => packing.removeSome());
    }
  }

  close(): void {
    this.#lock.close();
  }

  /**
   * Runs `attempt` under the store's lock, and again, after giving the lock back for a while, when
   * somebody else has the lock file of a ref.
   */
  async #whileLocked<T>(attempt: () => Promise<Attempt<T>>): Promise<T> {
    const deadline = monotonicTime() + this.#timeout;
    const backoff = new Backoff();
    for (;;) {
      if (!this.#lock.tryAcquire()) await this.#lock.acquire(deadline);
      let outcome: Attempt<T>;
      try {
        outcome = await attempt();
      } finally {
        this.#lock.release();
      }
      if ('done' in outcome) return outcome.done;
      if (monotonicTime() >= deadline) throw this.#blockedBy(outcome.blocked);
      await backoff.pause();
    }
  }

  /** Done after the lock is given back: the change is complete, and others need not wait for it. */
  async #sync(directories: Iterable<string>): Promise<void> {
    await Promise.all(
      Array.from(directories, (name) => syncDirectory(diskPath(this.#gitDir, name))),
    );
  }

  #blockedBy(lockName: string): LockTimeoutError {
    const path = `${this.#gitDir}/${lockName}`;
    return new LockTimeoutError(
      `Another program, perhaps Git, holds ${path}; if none is running, remove that file`,
      { path, ref: lockName.slice(0, -'.lock'.length) },
    );
  }
}

type Attempt<T> = { readonly done: T } | { readonly blocked: string };
