/**
 * A *holder*: one acquisition of a lock by one process, as one word that other processes can evaluate.
 *
 *     k12345.5a1b2c.MMMMM.BBBBB.NNNNN.KKKKK.Ab3d0 host
 *
 * The first letter says how it is held: `k`, with the kernel lock on the store's lock file as well, or
 * `f`, without. Then follow the process id; when that process started, which a reused id does not
 * repeat; and digests of the machine, of its boot, of the process's namespaces, and of the lock file as
 * that kernel sees it. The last field makes each taking another one. The host is there for messages.
 * The whole stays below 60 bytes: ext4 keeps a symbolic link of that size in its inode, a longer one
 * takes a block and twice the time.
 */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { isErrno } from '../../disk/durable.ts';
import { type BigIntStats, readFileSync, readlinkSync } from '../../disk/fs.ts';

export type Verdict =
  | 'alive'
  /** The process has ended and can no longer change anything. */
  | 'dead'
  /** It is on another machine or in another container, so its state is unknown here. */
  | 'unknown';

/** How a process holds the lock: in which kernel's eyes which file is locked; undefined without. */
export type LockSpace = string | undefined;

/** The lock file as seen by this kernel. Two mounts of one file system may not share locks. */
export function lockSpaceOf(stats: BigIntStats): LockSpace {
  return digest(`${here().boot} ${stats.dev} ${stats.ino}`);
}

/** The word for a new acquisition by this process. */
export function newHolder(space: LockSpace): string {
  if (usual === undefined || usual.space !== space) {
    const { pid, start, machine, boot, namespaces } = here();
    const kind = space === undefined ? 'f' : 'k';
    const word = `${kind}${pid}.${start}.${machine}.${boot}.${namespaces}.${space ?? NONE}.${stem}`;
    usual = { space, word, host: ` ${hostname()}` };
  }
  return `${usual.word}${(taken++).toString(36)}${usual.host}`.slice(0, LONGEST);
}

/** The constant part of holders, cached because building it would slow down commits. */
let usual: { space: LockSpace; word: string; host: string } | undefined;

/**
 * Determines whether a holder is alive, as far as this process can tell.
 * @param space set while this process has the kernel lock on the lock file: a holder of the same kernel
 *   that must have that lock is dead then
 */
export function judge(holder: string, space: LockSpace): Verdict {
  const fields = FORM.exec(holder)?.groups;
  if (fields === undefined) return 'unknown';
  if (fields.kind === 'k' && space !== undefined && fields.space === space) return 'dead';
  const { machine, boot, namespaces } = here();
  if (fields.boot !== boot) {
    // The machine was rebooted since. Another machine cannot be inspected.
    const isKnown = boot !== NONE && fields.boot !== NONE;
    return fields.machine === machine && isKnown ? 'dead' : 'unknown';
  }
  if (boot === NONE && fields.machine !== machine) return 'unknown';
  if (fields.namespaces !== namespaces) return 'unknown';
  return isRunning(Number(fields.pid), fields.start!) ? 'alive' : 'dead';
}

/** A unique string that is valid in file names, as in the last field. */
export function nameOf(holder: string): string {
  return createHash('sha1').update(holder).digest('hex').slice(0, 16);
}

/** For messages. */
export function describeHolder(holder: string): string {
  const fields = FORM.exec(holder)?.groups;
  return fields === undefined ? 'another program' : `process ${fields.pid} on ${fields.host}`;
}

const LONGEST = 59;
const NONE = '-----';

const FORM =
  /^(?<kind>[kf])(?<pid>\d+)\.(?<start>[^.]+)\.(?<machine>[^.]{5})\.(?<boot>[^.]{5})\.(?<namespaces>[^.]{5})\.(?<space>[^.]{5})\.(?<word>[^. ]+) (?<host>.*)$/s;

/** Distinguishes the threads of one process, each of which has its own counter. */
const stem = randomBytes(3).toString('base64url').slice(0, 4);
let taken = 0;

interface Here {
  readonly pid: number;
  readonly start: string;
  readonly machine: string;
  readonly boot: string;
  readonly namespaces: string;
}

let known: Here | undefined;

function here(): Here {
  known ??= {
    pid: process.pid,
    start: startOf(process.pid)?.start ?? '-',
    machine: digest(`${hostname()} ${textOf('/etc/machine-id')}`),
    boot: bootOf(),
    namespaces: namespacesOf(),
  };
  return known;
}

function bootOf(): string {
  const id = textOf('/proc/sys/kernel/random/boot_id');
  return id === '' ? NONE : digest(id);
}

/**
 * Process ids are valid in their PID namespace, start times in their time namespace. When Linux does not
 * reveal these, other processes cannot be judged.
 */
function namespacesOf(): string {
  if (process.platform !== 'linux') return NONE;
  const pid = targetOf('/proc/self/ns/pid');
  return digest(`${pid ?? randomBytes(8).toString('hex')} ${targetOf('/proc/self/ns/time')}`);
}

function isRunning(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
  }
  const now = startOf(pid);
  if (now === undefined) return true;
  return !now.hasEnded && (start === '-' || now.start === start);
}

/**
 * Start time of a process, and whether it is a zombie; undefined when that cannot be read.
 */
function startOf(pid: number): { start: string; hasEnded: boolean } | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  // The second field, the name, may contain spaces; see proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const start = Number(fields[19]);
  if (stat === '' || !Number.isSafeInteger(start)) return undefined;
  // While other threads are in a system call, the process can still change files.
  const hasEnded = /^[ZX]/.test(fields[0]!) && Number(fields[17]) <= 1;
  return { start: start.toString(36), hasEnded };
}

/** The content; undefined when the system lacks or hides the file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function digest(text: string): string {
  return createHash('sha1').update(text).digest('base64url').slice(0, NONE.length);
}
