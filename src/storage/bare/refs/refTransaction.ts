/**
 * One atomic change of refs, made under the store's lock (storeLock.ts).
 *
 * The order is: create lock files of all refs; compare; write new values into files of our own; append
 * reflog lines; (durability `full`: flush all of that to stable storage); rename each new value over its
 * ref.
 *
 * *The log is written first*, as in Git. A process killed between log and ref leaves a line for a move that
 * never happened. That is harmless: the objects it names are complete; redo starts at the newest line that
 * arrived at the ref's present value, and so never uses it; and every real value of the ref is logged. The
 * other order could lose the only trace of an old snapshot.
 *
 * *Several refs*: the whole move is recorded in `gitstore.lock` before the first ref moves. If the writer
 * dies, the next holder of the store's lock completes the move before doing anything else
 * (`completeMoves`), with the lock files still in place. Git does not know the record, and can see part of
 * the move until then. `#endMove` removes the record.
 */

import { InvalidRefNameError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { encodePath, encodeText } from '../../../git/pathBytes.ts';
import { formatReflogLine } from '../../../git/refs/reflogLine.ts';
import { isErrno, removeIfThere, syncDirectory, syncFile } from '../../disk/durable.ts';
import { readFileSync, unlinkSync } from '../../disk/fs.ts';
import {
  brokenRef,
  collision,
  MAX_SYMBOLIC_DEPTH,
  namedTwice,
  parentNames,
  staleRef,
} from '../../refRules.ts';
import type { Durability, ReflogMessage, RefUpdate } from '../../storage.ts';
import type { RefMove } from '../locks/lockRecord.ts';
import type { StoreLock } from '../locks/storeLock.ts';
import type { CheckedOut } from './checkedOut.ts';
import { type LooseRef, listLooseRefs, readLooseRef } from './looseRefs.ts';
import type { PackedRefsFile } from './packedRefsFile.ts';
import { PendingFile } from './pendingFile.ts';
import {
  type AppendedLine,
  copyReflog,
  dropFromReflog,
  type ReflogWriter,
  restartReflog,
  tryRemoveReflog,
} from './reflogFile.ts';
import {
  diskPath,
  makeParent,
  parentName,
  removeEmptyParents,
  removeEmptyTree,
} from './refPaths.ts';
import { otherSpelling } from './refSpelling.ts';
import { brokenLooseRef, valueOrNone } from './resolveRef.ts';

/** The environment of a transaction. */
export interface RefPlace {
  readonly gitDir: string;
  readonly packed: PackedRefsFile;
  readonly lock: StoreLock;
  readonly reflogs: ReflogWriter;
  readonly durability: Durability;
  readonly checkedOut: CheckedOut | undefined;
  /** Called at critical points, for crash tests. */
  readonly onStep: (step: TransactionStep) => void;
}

export type TransactionStep = 'announced' | 'locked' | 'logged' | 'synced' | 'moved' | 'unlocked';

export const PACKED_REFS_LOCK = 'packed-refs.lock';
const HEAD_LOCK = 'HEAD.lock';

interface Change {
  readonly update: RefUpdate;
  readonly message: ReflogMessage;
  /** The ref, followed by the targets of symbolic refs. The last one moves. */
  readonly chain: [string, ...string[]];
  /** Content of the last one's file. */
  loose: LooseRef | undefined;
  old: ObjectId | null;
}

export class RefTransaction {
  readonly #place: RefPlace;
  #changes: readonly Change[];
  readonly #locks: string[] = [];
  /** Names whose directories may have to be removed again. */
  readonly #emptied: string[] = [];
  #headTarget: string | undefined;
  /** Lock of the target, when `packed-refs` is a link. */
  #targetLock: string | undefined;
  #isMade = false;
  /** The old `packed-refs`, once it is replaced. */
  #packedRefs: Buffer | undefined;

  constructor(place: RefPlace, updates: readonly RefUpdate[], fallback: () => ReflogMessage) {
    this.#place = place;
    this.#changes = updates.map((update) => ({
      update,
      message: update.reflog ?? fallback(),
      chain: [update.ref],
      loose: undefined,
      old: null,
    }));
  }

  /**
   * Takes every lock file and compares.
   * @returns the name of a lock file that another process holds, or undefined when all are ours
   * @throws StaleSnapshotError InvalidRefNameError CorruptObjectError CheckedOutError
   */
  prepare(): string | undefined {
    const head = readLooseRef(this.#place.gitDir, 'HEAD');
    this.#headTarget = head?.kind === 'symbolic' ? head.target : undefined;
    // Deleting a missing ref takes no lock, because its lock file could collide with another ref.
    this.#changes = this.#changes.filter((change) => !this.#isDone(change));
    do {
      const blocked = this.#takeLocks();
      if (blocked !== undefined) return blocked;
    } while (this.#readAndFollow());
    this.#place.onStep('locked');
    for (const change of this.#changes) this.#compare(change);
    if (this.#place.checkedOut?.hasTrees) {
      const moving = this.#changes.filter(isNeeded).map(({ chain, update }) => {
        return { ref: chain.at(-1)!, isDeleted: update.new === null };
      });
      this.#place.checkedOut.check(moving, this.#headTarget);
    }
    return undefined;
  }

  /**
   * Makes the change. When it throws, nothing has changed, unless `isMade` is true.
   * @returns the directories to flush to stable storage, if the durability requires it
   */
  async commit(): Promise<Iterable<string>> {
    const { gitDir, lock, durability, onStep } = this.#place;
    const changes = this.#changes.filter(isNeeded);
    const several = changes.length > 1;
    const values: PendingFile[] = [];
    const lines: AppendedLine[] = [];
    const touched: Change[] = [];
    try {
      for (const { update } of changes) {
        if (update.new !== null) values.push(pendingValue(gitDir, values.length, update.new));
      }
      for (const change of changes) this.#log(change, lines);
      onStep('logged');
      if (several) lock.announce(this.#locks, changes.map(moveOf));
      if (durability === 'full') {
        const files = [...values.map((value) => value.sync()), ...lines.map((l) => syncFile(l.fd))];
        if (several) files.push(syncFile(lock.fd));
        await allDone(files);
        onStep('synced');
      }
      this.#moveIn(changes, values, touched);
      const deleted = changes.filter(({ update }) => update.new === null);
      if (deleted.length > 0) await this.#delete(deleted, touched);
      this.#isMade = true;
    } catch (error) {
      this.#takeBack(touched);
      // Report the error that stopped the change.
      if (several) await this.#endMove(directoriesOf(changes, lines)).catch(() => {});
      for (const value of values) value.discard();
      for (const line of lines) line.takeBack();
      throw error;
    }
    for (const line of lines) line.close();
    for (const change of changes) if (change.update.restartsLog) this.#restartLog(change);
    const directories = durability === 'full' ? directoriesOf(changes, lines) : [];
    if (!several) return directories;
    await this.#endMove(directories);
    return [];
  }

  /** Whether the refs have moved. A later failure does not mean that the change failed. */
  get isMade(): boolean {
    return this.#isMade;
  }

  /** Removes the lock files, as far as possible. */
  unlock(): void {
    if (this.#targetLock !== undefined) removeIfThere(this.#targetLock);
    this.#targetLock = undefined;
    let failure: { readonly error: unknown } | undefined;
    for (const name of this.#locks) {
      try {
        this.#place.lock.removeLockFile(name);
      } catch (error) {
        failure ??= { error };
      }
    }
    for (const name of this.#emptied) removeEmptyParents(this.#place.gitDir, name);
    this.#locks.length = 0;
    this.#emptied.length = 0;
    this.#place.onStep('unlocked');
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Removes the announced moves from the record. A crash of the machine must neither leave part of the moves
   * without a record of the rest, nor leave a record that is applied over later changes. So the moves are
   * flushed before the record is removed, and the removal is flushed before the refs can change again. The
   * second applies to `fast` too, because the next change may use `full`.
   */
  async #endMove(directories: Iterable<string>): Promise<void> {
    const { gitDir, lock } = this.#place;
    await allDone(Array.from(directories, (name) => syncDirectory(diskPath(gitDir, name))));
    lock.announce(this.#locks);
    await syncFile(lock.fd);
  }

  /** @throws StaleSnapshotError */
  #isDone({ update }: Change): boolean {
    const { gitDir, packed } = this.#place;
    if (update.new !== null || readLooseRef(gitDir, update.ref) !== undefined) return false;
    if (packed.get(update.ref) !== undefined) return false;
    if (typeof update.old === 'string') throw staleRef(update, null);
    return true;
  }

  #takeLocks(): string | undefined {
    const refs = this.#refs();
    const wanted = refs.map((ref) => `${ref}.lock`);
    if (refs.includes(this.#headTarget!)) wanted.push(HEAD_LOCK);
    // Even when the ref is not packed: Git could be packing the value that we remove.
    if (this.#changes.some(({ update }) => update.new === null)) wanted.push(PACKED_REFS_LOCK);
    this.#place.lock.announce(wanted);
    this.#place.onStep('announced');
    for (const name of wanted) {
      if (this.#locks.includes(name)) continue;
      if (!this.#takeLock(name)) return name;
      if (name !== PACKED_REFS_LOCK) continue;
      const target = this.#place.packed.lockTarget();
      if ('blocked' in target) return target.blocked;
      this.#targetLock = target.lock;
    }
    return undefined;
  }

  /** All refs that change, or lead to one that does, in locking order. */
  #refs(): readonly string[] {
    const [first] = this.#changes;
    if (this.#changes.length === 1 && first!.chain.length === 1) return first!.chain;
    return [...new Set(this.#changes.flatMap((change) => change.chain))].sort();
  }

  #takeLock(name: string): boolean {
    for (let attempt = 0; ; attempt++) {
      try {
        const taken = this.#place.lock.tryMakeLockFile(name);
        if (taken) this.#locks.push(name);
        return taken;
      } catch (error) {
        // Other processes may remove empty directories as fast as they are made here.
        if (!isErrno(error, 'ENOENT', 'ENOTDIR') || attempt === MAX_LOCK_ATTEMPTS) throw error;
        this.#makeRoom(name);
      }
    }
  }

  /** Creates the directory of a lock file. */
  #makeRoom(lockName: string): void {
    const { gitDir } = this.#place;
    try {
      this.#emptied.push(lockName);
      makeParent(gitDir, lockName);
    } catch (error) {
      if (!isErrno(error, 'ENOTDIR', 'EEXIST')) throw error;
      const ref = lockName.slice(0, -'.lock'.length);
      const parent = parentNames(ref).find((name) => readLooseRef(gitDir, name) !== undefined);
      throw parent === undefined ? error : collision(ref, parent);
    }
  }

  /** Reads the refs. True when symbolic ones lead to refs that are not locked yet. */
  #readAndFollow(): boolean {
    let followed = false;
    const last = new Set<string>();
    for (const change of this.#changes) {
      const ref = change.chain.at(-1)!;
      change.loose = readLooseRef(this.#place.gitDir, ref);
      // Deleting a symbolic ref does not delete its target.
      if (change.loose?.kind === 'symbolic' && change.update.new !== null) {
        if (change.chain.length > MAX_SYMBOLIC_DEPTH) throw brokenRef(change.update.ref);
        change.chain.push(change.loose.target);
        followed = true;
      }
      const end = change.chain.at(-1)!;
      if (last.has(end)) throw namedTwice(end);
      last.add(end);
    }
    return followed;
  }

  #compare(change: Change): void {
    const { gitDir, packed } = this.#place;
    const { update, loose } = change;
    const ref = change.chain.at(-1)!;
    if (loose?.kind === 'broken') {
      // An update without an old value may replace it. This is how a broken ref is repaired.
      const isDeleted = update.old === null && update.new === null;
      if (update.old !== undefined && !isDeleted) throw brokenLooseRef(ref, loose);
      return;
    }
    if (loose?.kind === 'id') change.old = loose.id;
    else if (loose === undefined) change.old = packed.get(ref) ?? null;
    else change.old = valueOrNone(gitDir, packed, loose.target) ?? null;
    if (update.old !== undefined && update.old !== change.old) throw staleRef(update, change.old);
    if (loose === undefined && update.new !== null) this.#makeFree(ref, change.old === null);
  }

  /** Clears the way for a new loose ref. */
  #makeFree(ref: string, isNew: boolean): void {
    const { gitDir, packed } = this.#place;
    if (isNew) {
      const parent = parentNames(ref).find((name) => packed.get(name) !== undefined);
      const other = parent ?? packed.withPrefix(`${ref}/`)[0]?.ref;
      if (other !== undefined) throw collision(ref, other);
    }
    const same = otherSpelling(gitDir, ref);
    if (same !== undefined) {
      throw new InvalidRefNameError(
        `Cannot create ${ref}: this disk takes it for ${same}, which exists; use another name`,
        { ref },
      );
    }
    if (!removeEmptyTree(diskPath(gitDir, ref))) {
      throw collision(ref, listLooseRefs(gitDir, `${ref}/`)[0] ?? `${ref}/`);
    }
  }

  #log({ update, message, chain, old }: Change, lines: AppendedLine[]): void {
    // The deletion of a broken ref is not a move.
    if (old === update.new) return;
    const line = encodeText(formatReflogLine({ old, new: update.new, ...message }));
    const refs = update.new === null ? [] : [...chain];
    if (chain.includes(this.#headTarget!)) refs.push('HEAD');
    if (update.logOf !== undefined) copyReflog(this.#place.gitDir, update.logOf, update.ref);
    for (const ref of refs) lines.push(this.#place.reflogs.append(ref, line));
  }

  /** Truncates the ref's log after the move, and removes its lines from HEAD's. */
  #restartLog({ chain }: Change): void {
    const { gitDir } = this.#place;
    const ref = chain.at(-1)!;
    const gone = restartReflog(gitDir, ref);
    if (ref === this.#headTarget) dropFromReflog(gitDir, 'HEAD', gone);
  }

  /** Renames the new values over the refs. */
  #moveIn(changes: readonly Change[], values: readonly PendingFile[], touched: Change[]): void {
    const { gitDir, onStep } = this.#place;
    let next = 0;
    for (const change of changes) {
      if (change.update.new === null) continue;
      touched.push(change);
      const path = diskPath(gitDir, change.chain.at(-1)!);
      const value = values[next++]!;
      if (change.loose === undefined) value.moveTo(path);
      else value.replace(path);
      onStep('moved');
    }
  }

  async #delete(deleted: readonly Change[], touched: Change[]): Promise<void> {
    const { gitDir, durability, onStep } = this.#place;
    const packedRefs = pendingPackedRefs(
      this.#place,
      new Set(deleted.map(({ chain }) => chain[0])),
    );
    for (const change of deleted) touched.push(change);
    if (packedRefs !== undefined) {
      const hides = deleted.some(({ loose }) => loose !== undefined);
      if (durability === 'full' || hides) await packedRefs.sync();
      this.#packedRefs = readFileSync(this.#place.packed.path);
      this.#place.packed.replaceBy(packedRefs);
      // For both durabilities: without its loose file a packed ref has an older value.
      if (hides) await syncDirectory(this.#place.packed.directory);
    }
    for (const { chain, loose } of deleted) {
      if (loose !== undefined) unlinkSync(diskPath(gitDir, chain[0]));
      this.#emptied.push(chain[0]);
      onStep('moved');
    }
    for (const { chain } of deleted) tryRemoveReflog(gitDir, chain[0]);
  }

  /** Restores the refs, including packed ones hidden by loose files, as far as possible. */
  #takeBack(touched: readonly Change[]): void {
    const { gitDir, packed } = this.#place;
    const tasks = touched.map((change) => () => this.#restore(change));
    const packedRefs = this.#packedRefs;
    if (packedRefs !== undefined) {
      tasks.push(() => packed.replaceBy(new PendingFile(gitDir, 'restored', packedRefs)));
    }
    for (const task of tasks.reverse()) {
      try {
        task();
      } catch {
        // Report the error that stopped the change, and restore the rest.
      }
    }
  }

  /** Restores the ref's file. */
  #restore({ chain, loose }: Change): void {
    const { gitDir } = this.#place;
    const path = diskPath(gitDir, chain.at(-1)!);
    const content = loose && contentOf(loose);
    if (loose === undefined) removeIfThere(path);
    // An unreadable file cannot be restored.
    else if (content !== undefined) new PendingFile(gitDir, 'restored', content).moveTo(path);
  }
}

const MAX_LOCK_ATTEMPTS = 10;

/** As `Promise.all`, but waits for all before it fails, so that no file is closed during an fsync. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

function contentOf(loose: LooseRef): Buffer | undefined {
  switch (loose.kind) {
    case 'id':
      return Buffer.from(`${loose.id}\n`);
    case 'symbolic':
      return encodePath(`ref: ${loose.target}\n`);
    case 'broken':
      return loose.content;
  }
}

/** The name of the file with a ref's pending value. */
export function pendingValue(gitDir: string, index: number, id: ObjectId): PendingFile {
  return new PendingFile(gitDir, `ref-${index}`, `${id}\n`);
}

/** The pending `packed-refs` without some refs; undefined when it has none of them. */
export function pendingPackedRefs(
  { gitDir, packed }: RefPlace,
  removed: ReadonlySet<string>,
): PendingFile | undefined {
  const content = packed.without(removed);
  return content === undefined ? undefined : new PendingFile(gitDir, 'packed-refs', content);
}

function isNeeded({ update, loose, old }: Change): boolean {
  if (update.restartsLog) return true;
  return update.new !== old || (update.new === null && loose !== undefined);
}

function moveOf({ chain, update, old }: Change): RefMove {
  return { ref: chain.at(-1)!, old, new: update.new };
}

/** Directories with added, removed or changed names. New directories are names in their parents. */
function directoriesOf(changes: readonly Change[], lines: readonly AppendedLine[]): Set<string> {
  const directories = new Set<string>();
  const add = (name: string, withParents: boolean) => {
    let directory = parentName(name);
    directories.add(directory);
    while (withParents && directory.includes('/')) {
      directory = parentName(directory);
      directories.add(directory);
    }
  };
  for (const { chain, loose, update } of changes) {
    add(chain.at(-1)!, loose === undefined);
    if (update.new === null) directories.add('');
    if (update.logOf !== undefined) add(`logs/${update.ref}`, true);
    if (update.restartsLog) {
      add(`logs/${chain.at(-1)!}`, false);
      directories.add('logs');
    }
  }
  for (const line of lines) if (line.created) add(`logs/${line.ref}`, true);
  return directories;
}
