/**
 * The refs of a bare repository on disk, in the format of Git's files backend: loose files, packed-refs,
 * reflogs. Reads take no lock. Changes take the store's lock and Git's (storeLock.ts).
 */

import { isAbsolute } from 'node:path';
import { monotonicTime } from '../../../clock.ts';
import { CorruptObjectError, LockTimeoutError, UnreadableRefError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { comparePaths, encodePath } from '../../../git/pathBytes.ts';
import { isValidRefName } from '../../../git/refs/refName.ts';
import { reasonOf } from '../../../systemFaults.ts';
import { syncDirectory } from '../../disk/durable.ts';
import { checkOwner, isTrusted } from '../../disk/ownership.ts';
import { changeMade, checkRef, checkUpdates, defaultReflog } from '../../refRules.ts';
import type {
  Durability,
  Head,
  RefEntry,
  RefListing,
  ReflogEntry,
  RefStore,
  RefUpdate,
  UnreadableRef,
} from '../../storage.ts';
import { type Guarded, StoreLock, type StoreLockOptions } from '../locks/storeLock.ts';
import { Turns } from '../locks/turns.ts';
import { Backoff } from '../locks/waiting.ts';
import { type PeelObject, RefPacking } from './change/refPacking.ts';
import type { RefPlace, TransactionStep } from './change/refPlace.ts';
import { completeMoves } from './change/refRecovery.ts';
import { RefTransaction } from './change/refTransaction.ts';
import { listLockFiles, namesBelowRefs, readLooseRef } from './files/looseRefs.ts';
import { PackedRefsFile } from './files/packedRefsFile.ts';
import { PendingFile } from './files/pendingFile.ts';
import { ReflogWriter, readReflog } from './files/reflogFile.ts';
import { diskPath, listDirectories } from './files/refPaths.ts';
import type { CheckedOut } from './reading/checkedOut.ts';
import { RecentRefs } from './reading/recentRefs.ts';
import { brokenLooseRef, followRef } from './reading/resolveRef.ts';

export interface BareRefsOptions extends StoreLockOptions {
  readonly durability: Durability;
  /** Flushes objects to stable storage before refs move to them. */
  readonly settling?: Settling | undefined;
  /** Checked-out branches, which must not move; default: all refs may move. */
  readonly checkedOut?: CheckedOut | undefined;
  /** How long to wait for a lock, in milliseconds; default 10,000. */
  readonly lockTimeout?: number | undefined;
  /** Milliseconds since the epoch, for reflog lines without an identity; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Called at critical points of a change, for crash tests. */
  readonly onStep?: ((step: TransactionStep) => void) | undefined;
}

/** The part of an object store that refs need. */
export interface Settling {
  /** Flushes objects and everything reachable from them to stable storage. */
  complete(ids: readonly ObjectId[]): Promise<void>;
  /** Called after refs have moved to complete objects. */
  handOn(ids: readonly ObjectId[]): void;
}

const DEFAULT_LOCK_TIMEOUT = 10_000;
const MISNAMED = 'no ref can have this name';

export class BareRefs implements RefStore {
  readonly #gitDir: string;
  readonly #packed: PackedRefsFile;
  readonly #recent: RecentRefs;
  readonly #lock: StoreLock;
  readonly #place: RefPlace;
  readonly #turns: Turns;
  /** Undefined when the durability does not require it. */
  readonly #settling: Settling | undefined;
  readonly #timeout: number;
  readonly #now: () => number;

  constructor(gitDir: string, options: BareRefsOptions) {
    this.#gitDir = gitDir;
    this.#packed = new PackedRefsFile(gitDir);
    this.#recent = new RecentRefs(gitDir, this.#packed);
    const guarded: Guarded = {
      finishMoves: (moves) => completeMoves(this.#place, moves),
      lockFiles: () => listLockFiles(gitDir),
    };
    this.#lock = new StoreLock(gitDir, guarded, options);
    let reflogs: ReflogWriter | undefined;
    this.#place = {
      gitDir,
      packed: this.#packed,
      lock: this.#lock,
      // Loaded on demand, so that commands that only read do not load it.
      get reflogs() {
        reflogs ??= new ReflogWriter(gitDir);
        return reflogs;
      },
      durability: options.durability,
      checkedOut: options.checkedOut,
      onStep: options.onStep ?? (() => {}),
    };
    this.#turns = new Turns(gitDir);
    this.#settling = options.durability === 'full' ? options.settling : undefined;
    this.#timeout = options.lockTimeout ?? DEFAULT_LOCK_TIMEOUT;
    this.#now = options.now ?? Date.now;
    if (isTrusted(gitDir)) this.#lock.clearLeftovers();
  }

  async get(ref: string): Promise<ObjectId | undefined> {
    if (ref !== 'HEAD' && !isValidRefName(ref)) return undefined;
    return this.#recent.resolve(ref);
  }

  async has(ref: string): Promise<boolean> {
    if (!isValidRefName(ref)) return false;
    return readLooseRef(this.#gitDir, ref) !== undefined || this.#packed.get(ref) !== undefined;
  }

  async list(prefix: string): Promise<RefListing> {
    // Loose names first: then a ref that is packed meanwhile is found in the packed file.
    const loose = namesBelowRefs(this.#gitDir, prefix);
    const found = new Map<string, ObjectId>();
    for (const { ref, id } of this.#packed.withPrefix(prefix)) {
      if (isValidRefName(ref)) found.set(ref, id);
    }
    const unreadable = [...loose.unreadable];
    for (const ref of loose.files) {
      if (!isValidRefName(ref)) {
        if (isMisnamed(ref)) unreadable.push({ ref, kind: 'misnamed', reason: MISNAMED });
        continue;
      }
      const value = this.#valueOf(ref);
      if (typeof value === 'string') found.set(ref, value);
      else found.delete(ref);
      if (typeof value === 'object') unreadable.push(value);
    }
    // A loose file in an unreadable folder may override a packed value, so that one is not listed.
    for (const folder of loose.unreadable) {
      if (!folder.ref.endsWith('/')) continue;
      for (const ref of found.keys()) {
        if (!ref.startsWith(folder.ref)) continue;
        found.delete(ref);
        unreadable.push({ ...folder, ref });
      }
    }
    const refs = Array.from(found, ([ref, id]): RefEntry => ({ ref, id }));
    return {
      refs: refs.sort((a, b) => comparePaths(a.ref, b.ref)),
      unreadable: unreadable.sort((a, b) => comparePaths(a.ref, b.ref)),
    };
  }

  /** Undefined for a ref that has vanished meanwhile. */
  #valueOf(ref: string): ObjectId | UnreadableRef | undefined {
    try {
      const found = followRef(this.#gitDir, this.#packed, ref);
      if (typeof found === 'string') return found;
      if (found !== undefined) {
        const reason = found.ref === ref ? found.why : `it leads to ${found.ref}: ${found.why}`;
        return { ref, kind: 'broken', reason };
      }
      const loose = readLooseRef(this.#gitDir, ref);
      if (loose?.kind !== 'symbolic') return undefined;
      return { ref, kind: 'dangling', reason: `it leads to ${loose.target}, which does not exist` };
    } catch (error) {
      if (!(error instanceof UnreadableRefError)) throw error;
      return { ref, kind: 'broken', reason: reasonOf(error.cause) };
    }
  }

  async update(updates: readonly RefUpdate[]): Promise<void> {
    checkUpdates(updates);
    if (updates.length === 0) return;
    const fallback = () => defaultReflog(this.#now);
    const targets = updates.flatMap(({ new: id }) => id ?? []);
    await this.#settling?.complete(targets);
    let isMade = false;
    try {
      const directories = await this.#whileLocked(async () => {
        const transaction = new RefTransaction(this.#place, updates, fallback);
        try {
          const blocked = transaction.prepare();
          if (blocked !== undefined) return { blocked };
          return { done: await transaction.commit() };
        } finally {
          isMade = transaction.isMade;
          transaction.unlock();
        }
      });
      if (this.#place.durability === 'full') await this.#sync(directories);
      this.#settling?.handOn(targets);
    } catch (error) {
      throw isMade ? changeMade(updates, error) : error;
    }
  }

  async head(): Promise<Head> {
    const head = readLooseRef(this.#gitDir, 'HEAD');
    if (head === undefined) {
      throw new CorruptObjectError(`HEAD is missing in ${this.#gitDir}`, { ref: 'HEAD' });
    }
    if (head.kind === 'broken') throw brokenLooseRef('HEAD', head);
    return head.kind === 'id' ? { id: head.id } : { ref: head.target };
  }

  async setHead(ref: string): Promise<void> {
    checkRef(ref);
    await this.#whileLocked(async () => {
      const now = readLooseRef(this.#gitDir, 'HEAD');
      // A new branch is not checked out.
      if (now?.kind === 'symbolic' && (await this.has(now.target))) {
        this.#place.checkedOut?.checkHead(now.target, ref);
      }
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

  async turn(ref: string, timeout: number): Promise<() => void> {
    checkOwner(this.#gitDir);
    return this.#turns.take(ref, timeout);
  }

  /** Runs `work` under the store's lock, while no gitstore process can move a ref. */
  async whileLocked<T>(work: () => Promise<T>): Promise<T> {
    return this.#whileLocked(async () => ({ done: await work() }));
  }

  /** Flushes the set of refs to stable storage, before objects of removed refs are deleted. */
  async settleNames(): Promise<void> {
    for (const name of ['', ...listDirectories(this.#gitDir, 'refs')]) await this.#sync([name]);
  }

  /** Packs loose refs into `packed-refs` (refPacking.ts). */
  async pack(peel: PeelObject, signal?: AbortSignal): Promise<void> {
    const packing = new RefPacking(this.#place, peel);
    await packing.prepare();
    await this.#whileLocked(async () => {
      const blocked = await packing.write();
      return blocked === undefined ? { done: undefined } : { blocked };
    });
    while (packing.isPending) {
      signal?.throwIfAborted();
      await this.whileLocked(async () => packing.removeSome());
    }
  }

  close(): void {
    this.#turns.close();
    this.#lock.close();
  }

  async deniedDeletions(refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { deniedDeletions } = await import('./change/deletionRules.ts');
    return deniedDeletions(this.#gitDir, refs, this.head());
  }

  /**
   * Runs `attempt` under the store's lock. When another process holds the lock file of a ref, releases the
   * store's lock, waits, and tries again.
   */
  async #whileLocked<T>(attempt: () => Promise<Attempt<T>>): Promise<T> {
    checkOwner(this.#gitDir);
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

  /** Runs after the lock is released: the change is complete, and others need not wait for this. */
  async #sync(directories: Iterable<string>): Promise<void> {
    await Promise.all(
      Array.from(directories, (name) => syncDirectory(diskPath(this.#gitDir, name))),
    );
  }

  #blockedBy(lockName: string): LockTimeoutError {
    const path = isAbsolute(lockName) ? lockName : `${this.#gitDir}/${lockName}`;
    return new LockTimeoutError(
      `Another program, perhaps Git, holds ${path}; if none is running, remove that file`,
      { path, ref: lockName.slice(0, -'.lock'.length) },
    );
  }
}

type Attempt<T> = { readonly done: T } | { readonly blocked: string };

/** As in Git, locks and names that begin with a dot are no attempt at a ref. */
function isMisnamed(name: string): boolean {
  return !name.endsWith('.lock') && !name.includes('/.');
}
