/**
 * The stand-in for a kernel lock where there is none (musl systems, file systems without locks).
 *
 * A *holder link* is a symbolic link `<file>.holder` whose target is no path but names its holder:
 * process id, when that process started, and host. symlink(2) creates it with its content in one
 * step and fails when it is there, so exactly one process holds it and everyone can read who.
 *
 * When the holder has died, its link is removed by whoever first takes the lock on removing it: a
 * holder link of its own, named after the dead holder. While a process has that one, nobody else may
 * remove the dead holder's link, so that "it still names the dead one, therefore remove it" has no
 * gap. Should the remover die too, its link is removed by the same rule.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isErrno, removeIfThere } from './durable.ts';

export class HolderLink {
  readonly #link: string;

  constructor(path: string) {
    this.#link = `${path}.holder`;
  }

  tryLock(): boolean {
    return tryTake(this.#link);
  }

  unlock(): void {
    removeIfThere(this.#link);
  }
}

/** Takes the link if it is free or its holder is dead. */
function tryTake(link: string): boolean {
  for (;;) {
    try {
      symlinkSync(ownName(), link);
      return true;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const holder = holderOf(link);
    if (holder === undefined) continue;
    if (isAlive(holder)) return false;
    const removal = `${link}.${holder.slice(holder.lastIndexOf(' ') + 1)}`;
    if (!tryTake(removal)) return false;
    try {
      if (holderOf(link) === holder) removeIfThere(link);
    } finally {
      removeIfThere(removal);
    }
  }
}

function holderOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Who holds it, and a word that no other holding has: `pid start host word`. */
function ownName(): string {
  const word = randomBytes(6).toString('hex');
  return `${process.pid} ${startOf(process.pid)} ${hostname()} ${word}`;
}

/** Processes of other hosts cannot be looked at and count as alive. */
function isAlive(holder: string): boolean {
  const [pidText, start, host] = holder.split(' ');
  const pid = Number(pidText);
  if (host !== hostname() || !Number.isSafeInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
  return startOf(pid) === start;
}

/** When a process started, so that a reused process id is not taken for its earlier bearer. */
function startOf(pid: number): string {
  try {
    // Field 22 of proc_pid_stat(5); the second field, the name, may hold spaces.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
  } catch {
    return '-';
  }
}
