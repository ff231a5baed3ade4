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

import type { ObjectId } from '../../../../git/objectId.ts';
import { encodePath, encodeText } from '../../../../git/pathBytes.ts';
import { formatReflogLine } from '../../../../git/refs/reflogLine.ts';
import { removeIfThere, syncDirectory, syncFile } from '../../../disk/durable.ts';
import { readFileSync, unlinkSync } from '../../../disk/fs.ts';
import { brokenRef, MAX_SYMBOLIC_DEPTH, namedTwice } from '../../../refRules.ts';
import type { ReflogMessage, RefUpdate } from '../../../storage.ts';
import { type LooseRef, readLooseRef } from '../files/looseRefs.ts';
import { PendingFile } from '../files/pendingFile.ts';
import {
  type AppendedLine,
  copyReflog,
  dropFromReflog,
  restartReflog,
  tryRemoveReflog,
} from '../files/reflogFile.ts';
import { diskPath } from '../files/refPaths.ts';
import { compare, directoriesOf, isDone, isNeeded, moveOf, type RefChange } from './refChange.ts';
import { RefLocks } from './refLocks.ts';
import type { RefPlace } from './refPlace.ts';

export class RefTransaction {
  readonly #place: RefPlace;
  #changes: readonly RefChange[];
  readonly #locks: RefLocks;
  #headTarget: string | undefined;
  #isMade = false;
  /** The old `packed-refs`, once it is replaced. */
  #packedRefs: Buffer | undefined;

  constructor(place: RefPlace, updates: readonly RefUpdate[], fallback: () => ReflogMessage) {
    this.#place = place;
    this.#locks = new RefLocks(place);
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
    this.#changes = this.#changes.filter((change) => !isDone(this.#place, change));
    do {
      const blocked = this.#takeLocks();
      if (blocked !== undefined) return blocked;
    } while (this.#readAndFollow());
    this.#place.onStep('locked');
    for (const change of this.#changes) compare(this.#place, change);
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
    const touched: RefChange[] = [];
    try {
      for (const { update } of changes) {
        if (update.new !== null) values.push(pendingValue(gitDir, values.length, update.new));
      }
      for (const change of changes) this.#log(change, lines);
      onStep('logged');
      if (several) lock.announce(this.#locks.taken, changes.map(moveOf));
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
    this.#locks.release();
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
    lock.announce(this.#locks.taken);
    await syncFile(lock.fd);
  }

  #takeLocks(): string | undefined {
    const deletes = this.#changes.some(({ update }) => update.new === null);
    return this.#locks.take(this.#refs(), { head: this.#headTarget, deletes });
  }

  /** All refs that change, or lead to one that does, in locking order. */
  #refs(): readonly string[] {
    const [first] = this.#changes;
    if (this.#changes.length === 1 && first!.chain.length === 1) return first!.chain;
    return [...new Set(this.#changes.flatMap((change) => change.chain))].sort();
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

  #log({ update, message, chain, old }: RefChange, lines: AppendedLine[]): void {
    // The deletion of a broken ref is not a move.
    if (old === update.new) return;
    const line = encodeText(formatReflogLine({ old, new: update.new, ...message }));
    const refs = update.new === null ? [] : [...chain];
    if (chain.includes(this.#headTarget!)) refs.push('HEAD');
    if (update.logOf !== undefined) copyReflog(this.#place.gitDir, update.logOf, update.ref);
    for (const ref of refs) lines.push(this.#place.reflogs.append(ref, line));
  }

  /** Truncates the ref's log after the move, and removes its lines from HEAD's. */
  #restartLog({ chain }: RefChange): void {
    const { gitDir } = this.#place;
    const ref = chain.at(-1)!;
    const gone = restartReflog(gitDir, ref);
    if (ref === this.#headTarget) dropFromReflog(gitDir, 'HEAD', gone);
  }

  /** Renames the new values over the refs. */
  #moveIn(
    changes: readonly RefChange[],
    values: readonly PendingFile[],
    touched: RefChange[],
  ): void {
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

  async #delete(deleted: readonly RefChange[], touched: RefChange[]): Promise<void> {
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
      this.#locks.tidyAbove(chain[0]);
      onStep('moved');
    }
    for (const { chain } of deleted) tryRemoveReflog(gitDir, chain[0]);
  }

  /** Restores the refs, including packed ones hidden by loose files, as far as possible. */
  #takeBack(touched: readonly RefChange[]): void {
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
  #restore({ chain, loose }: RefChange): void {
    const { gitDir } = this.#place;
    const path = diskPath(gitDir, chain.at(-1)!);
    const content = loose && contentOf(loose);
    if (loose === undefined) removeIfThere(path);
    // An unreadable file cannot be restored.
    else if (content !== undefined) new PendingFile(gitDir, 'restored', content).moveTo(path);
  }
}

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
