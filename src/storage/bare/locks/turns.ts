/**
 * Turns: advisory ordering among writers of the same ref, so that many of them do not keep failing
 * each other's compare-and-swap. A *turn* only orders writers that ask for one.
 *
 * Refs share a fixed number of turn files in our own directory. The process that made the holder link
 * beside such a file (holderLink.ts) has the turn, with or without kernel locks: with two kinds of queue
 * the members of the longer one would get their turn less often. Inside one process callers queue, so
 * that only the first of them competes with other processes.
 *
 * Passing the turn between processes costs more than a commit: the next process waits for its poll, and
 * reads what the last one has written. So a process keeps the turn while it writes one commit after the
 * other, up to a *burst*. A process that waits makes the file `turn-N.wanted`. At the end of a burst the
 * holder removes that file and lets others go first; without the file it goes on. After a single commit
 * it gives the turn back at once: a program may compute for long then, which keeps all that is deferred
 * from running.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicTime } from '../../../clock.ts';
import { isErrno } from '../../disk/durable.ts';
import { closeSync, openSync, unlinkSync } from '../../disk/fs.ts';
import { isLink } from '../../disk/ownFiles.ts';
import { HolderLink } from './holderLink.ts';
import { PRIVATE_DIRECTORY } from './storeLock.ts';
import { Mutex } from './waiting.ts';

/** Milliseconds after which a holder in an unknown state loses its turn. Turns are only advisory. */
const PATIENCE = 10_000;

const TURN_FILES = 64;

/** Total wait of a caller, as a multiple of the timeout for one holder. */
const MOST_HOLDERS = 10;

/**
 * Milliseconds for which a process keeps a turn that others want. On a busy machine 25 is enough for four
 * commits only, and then half of the CPU time goes to waiting and handing over.
 */
const BURST = 100;

/**
 * Milliseconds after which a process gives its turn back also when no other is seen to want it: a waiter
 * that cannot judge the holder, on another host, takes a link older than `PATIENCE` for a dead one's.
 */
const LONGEST_TURN = PATIENCE / 4;

/**
 * A commit that begins this many milliseconds after the last one, or sooner, continues a burst. Processes
 * that wait may take the CPU away for some of them.
 */
const GAP = 10;

/**
 * Milliseconds for which a process does not ask again after a burst: a quarter of the time that it has
 * waited for its turn, as others who wait for as long poll less often than one that has just begun to wait.
 */
const LEAST_YIELD = 6;
const MOST_YIELD = 5 * BURST;
const WAITS_YIELDED = 1 / 4;

/**
 * Longest pause between two polls in milliseconds. The longer a process has waited, the more others wait,
 * of which one polls soon enough; so each may poll less often.
 */
const LONGEST_PAUSE = 40;
const PAUSES_WAITED = 20;

/** Milliseconds for which a live holder is assumed to stay alive. */
const JUDGED = 200;

export class Turns {
  readonly #gitDir: string;
  readonly #files = new Map<number, TurnFile>();

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
  }

  /**
   * Waits for the turn, and never fails. Gives up when one holder has kept the turn for `timeout` ms, so
   * that a suspended program does not block others. A caller without a turn only disturbs those waiting.
   * @returns a function that gives the turn back
   */
  async take(ref: string, timeout: number): Promise<() => void> {
    const index = turnOf(ref);
    const file = this.#files.get(index) ?? new TurnFile(this.#gitDir, index);
    this.#files.set(index, file);
    return file.take(timeout);
  }

  /** Gives back the turns that no caller in this process uses. */
  close(): void {
    for (const file of this.#files.values()) file.close();
  }
}

class TurnFile {
  readonly #directory: string;
  readonly #wanted: string;
  readonly #link: HolderLink;
  readonly #queue = new Mutex();
  /** This process has the turn. */
  #isHeld = false;
  /** Start of the turn, and of the burst. */
  #taken = 0;
  #since = 0;
  /** Milliseconds for which the turn was waited for. */
  #waited = 0;
  /** When the last caller in this process gave its turn back. */
  #passed = Number.NEGATIVE_INFINITY;
  /** The callers in this process follow one another quickly. */
  #isBurst = false;
  /** A holder that has kept the turn for too long: it is not waited for again. */
  #stuck: string | undefined;
  /** Other processes go first until then. */
  #yieldsUntil = 0;
  /** Gives the turn back, unless a caller comes before. */
  #ending: NodeJS.Immediate | undefined;

  constructor(gitDir: string, index: number) {
    this.#directory = `${gitDir}/${PRIVATE_DIRECTORY}`;
    const path = `${this.#directory}/turn-${index}`;
    this.#link = new HolderLink(path, PATIENCE);
    this.#wanted = `${path}.wanted`;
  }

  async take(timeout: number): Promise<() => void> {
    if (!(await this.#queue.acquire(monotonicTime() + timeout))) return () => {};
    this.#isBurst = monotonicTime() - this.#passed <= GAP;
    try {
      clearImmediate(this.#ending);
      if (!this.#isHeld && !isLink(this.#directory)) await this.#compete(timeout);
    } catch (error) {
      // The store is read-only or missing: the change itself reports it.
      if (!isErrno(error, ...UNWRITABLE)) {
        this.#queue.release();
        throw error;
      }
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      if (this.#isHeld) this.#pass();
      this.#queue.release();
    };
  }

  close(): void {
    if (!this.#queue.busy) this.#give();
  }

  /** After a commit: goes on, or lets others go first. */
  #pass(): void {
    const now = monotonicTime();
    this.#passed = now;
    const isLone = !this.#isBurst && !this.#queue.isAwaited;
    if (isLone || now - this.#taken >= LONGEST_TURN) {
      this.#give();
      return;
    }
    if (now - this.#since >= BURST) {
      if (this.#isWanted()) {
        this.#give();
        const yields = Math.min(MOST_YIELD, this.#waited * WAITS_YIELDED);
        this.#yieldsUntil = now + Math.max(LEAST_YIELD, yields);
        return;
      }
      this.#since = now;
    }
    // A caller that waits in this process, or that writes again at once, keeps the turn.
    this.#ending = setImmediate(() => {
      this.#ending = setImmediate(() => this.#give());
    });
  }

  #give(): void {
    clearImmediate(this.#ending);
    if (this.#isHeld) this.#link.unlock();
    this.#isHeld = false;
  }

  /** Gives up on timeout. */
  async #compete(timeout: number): Promise<void> {
    const yields = this.#yieldsUntil - monotonicTime();
    if (yields > 0) await sleep(yields);
    const start = monotonicTime();
    /** When the holder was first seen, and when it was last checked whether it is alive. */
    let [since, judged] = [start, Number.NEGATIVE_INFINITY];
    let holder: string | undefined;
    for (let now = start; ; now = monotonicTime()) {
      // Reading the link takes a tenth of the time of checking whether its holder is alive.
      const seen = this.#link.holder;
      if (seen === undefined || now - judged >= JUDGED) {
        if (this.#link.tryLock()) {
          this.#isHeld = true;
          this.#taken = monotonicTime();
          this.#since = this.#taken;
          this.#waited = this.#taken - start;
          return;
        }
        judged = now;
      }
      if (seen !== undefined && seen === this.#stuck) return;
      if (seen !== undefined && seen !== holder) {
        [holder, since, judged] = [seen, now, now];
        this.#stuck = undefined;
        this.#want();
      }
      if (now - since >= timeout) {
        this.#stuck = holder;
        return;
      }
      if (now - start >= MOST_HOLDERS * timeout) return;
      const pause = Math.min(LONGEST_PAUSE, Math.max(1, (now - start) / PAUSES_WAITED));
      await sleep(pause * (0.5 + Math.random() / 2));
    }
  }

  #want(): void {
    try {
      closeSync(openSync(this.#wanted, 'wx'));
    } catch (error) {
      if (!isErrno(error, 'EEXIST', 'EPERM', 'EBUSY')) throw error;
    }
  }

  #isWanted(): boolean {
    try {
      unlinkSync(this.#wanted);
    } catch (error) {
      // In any other case the file exists, so another process waits.
      if (isErrno(error, 'ENOENT')) return false;
    }
    return true;
  }
}

const UNWRITABLE = [
  ...['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE'],
  ...['ENFILE', 'ELOOP', 'ESTALE'],
];

/** FNV-1a over the name's UTF-16 units. Any uniform hash would do. */
function turnOf(ref: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ref.length; i++) hash = Math.imul(hash ^ ref.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % TURN_FILES;
}
