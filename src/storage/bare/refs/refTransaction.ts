/**
 * One change of refs, all or none, made under the store's lock (storeLock.ts).
 *
 * The order is: lock files of all refs; compare; new values into files of our own; reflog lines;
 * (durability `full`: all of that onto stable storage); then each new value takes its ref's place.
 *
 * *The log goes first*, as in Git. A process killed between log and ref leaves a line for a move that
 * never happened. That is harmless: the objects it names are complete, redo starts at the newest line
 * that arrived at the ref's present value and so never uses it, and no value the ref really had goes
 * unlogged. The other order could lose the only trace of an old snapshot.
 *
 * *Several refs*: the whole move is written into `gitstore.lock` before the first ref moves. When its
 * writer dies, the next holder of the store's lock completes it before doing anything else
 * (`completeMoves`), the lock files still in place. Git, which knows nothing of this, can see part of
 * the move until then. `#endMove` says when the record goes.
 */

import { InvalidRefNameError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { encodePath, encodeText } from '../../../git/pathBytes.ts';
import { formatReflogLine } from '../../../git/reflogLine.ts';
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

/** What a transaction works on. */
export interface RefPlace {
  readonly gitDir: string;
  readonly packed: PackedRefsFile;
  readonly lock: StoreLock;
  readonly reflogs: ReflogWriter;
  readonly durability: Durability;
  readonly checkedOut: CheckedOut | undefined;
  /** Called at the places where a crash hurts; tests crash there. */
  readonly onStep: (step: TransactionStep) => void;
}

export type TransactionStep = 'announced' | 'locked' | 'logged' | 'synced' | 'moved' | 'unlocked';

export const PACKED_REFS_LOCK = 'packed-refs.lock';
const HEAD_LOCK = 'HEAD.lock';

interface Change {
  readonly update: RefUpdate;
  readonly message: ReflogMessage;
  /** The ref, and the refs that symbolic refs lead to from there. The last one is what moves. */
  readonly chain: [string, ...string[]];
  /** What the file of the last one says. */
  loose: LooseRef | undefined;
  old: ObjectId | null;
}

export class RefTransaction {
  readonly #place: RefPlace;
  #changes: readonly Change[];
  readonly #locks: string[] = [];
  /** Names whose directories may have to go again. */
  readonly #emptied: string[] = [];
  #headTarget: string | undefined;
  /** Held where `packed-refs` is a link. */
  #targetLock: string | undefined;
  #isMade = false;
  /** `packed-refs` as it was, once it is replaced. */
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
    // Deleting what is not there locks nothing: its lock file could stand in another ref's way.
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
   * Makes the change. When it throws, everything is as it was, unless `isMade` is true.
   * @returns the directories to put on stable storage, where durability asks for that
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
      // What stopped the change is the error to tell.
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

  /** Whether the refs have moved. What fails from then on must not be taken for the change failing. */
  get isMade(): boolean {
    return this.#isMade;
  }

  /** Removes the lock files, all that can be removed. */
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
   * Takes the announced moves back from the record. Two things must not happen after a crash of the
   * machine: that a part of the moves is there and no record of the rest, and that the record is there
   * and later changes are not safe from it. So the moves are on stable storage before the record goes,
   * and that it is gone is on stable storage before anybody can change the refs again. The second holds
   * for `fast` too: the next change may be one with `full`.
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
    // Also when the ref is not packed: Git could be about to pack the value that we remove.
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

  /** All refs that change or lead to one that does, in the order in which they are locked. */
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
        // Others remove empty directories, perhaps as fast as they are made here.
        if (!isErrno(error, 'ENOENT', 'ENOTDIR') || attempt === MAX_LOCK_ATTEMPTS) throw error;
        this.#makeRoom(name);
      }
    }
  }

  /** Makes the directory of a lock file. */
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
      // Deleting a symbolic ref deletes it and not what it leads to.
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
    // A broken ref that is deleted has moved nowhere.
    if (old === update.new) return;
    const line = encodeText(formatReflogLine({ old, new: update.new, ...message }));
    const refs = update.new === null ? [] : [...chain];
    if (chain.includes(this.#headTarget!)) refs.push('HEAD');
    if (update.logOf !== undefined) copyReflog(this.#place.gitDir, update.logOf, update.ref);
    for (const ref of refs) lines.push(this.#place.reflogs.append(ref, line));
  }

  /** The ref has moved: what its log said before, and HEAD's of it, goes. */
  #restartLog({ chain }: Change): void {
    const { gitDir } = this.#place;
    const ref = chain.at(-1)!;
    const gone = restartReflog(gitDir, ref);
    if (ref === this.#headTarget) dropFromReflog(gitDir, 'HEAD', gone);
  }

  /** Puts the new values in their places. */
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
      // In either durability: without its loose file a ref that is packed has an older value.
      if (hides) await syncDirectory(this.#place.packed.directory);
    }
    for (const { chain, loose } of deleted) {
      if (loose !== undefined) unlinkSync(diskPath(gitDir, chain[0]));
      this.#emptied.push(chain[0]);
      onStep('moved');
    }
    for (const { chain } of deleted) tryRemoveReflog(gitDir, chain[0]);
  }

  /** Makes the refs what they were, packed ones as well that others hide: as far as the disk lets. */
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
        // What stopped the change is the error to tell, and the rest is still to be restored.
      }
    }
  }

  /** Makes the ref's file what it was. */
  #restore({ chain, loose }: Change): void {
    const { gitDir } = this.#place;
    const path = diskPath(gitDir, chain.at(-1)!);
    const content = loose && contentOf(loose);
    if (loose === undefined) removeIfThere(path);
    // What could not be read before cannot be written again.
    else if (content !== undefined) new PendingFile(gitDir, 'restored', content).moveTo(path);
  }
}

const MAX_LOCK_ATTEMPTS = 10;

/** Unlike `Promise.all` it fails only when all have ended: no file is closed under a running fsync. */
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

/** The file that waits to become a ref's new value. */
export function pendingValue(gitDir: string, index: number, id: ObjectId): PendingFile {
  return new PendingFile(gitDir, `ref-${index}`, `${id}\n`);
}

/** The file that waits to become `packed-refs` without some refs; undefined when it has none. */
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

/** Where names have come, gone or changed. New directories are entered in the ones above them. */
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
