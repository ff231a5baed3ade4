/**
 * `gitstore/settled`: what is known to be on stable storage, for the next process. Lines of text. Missing
 * or torn lines only cause repeated syncs.
 *
 *     gitstore settled 1 INODE    the number of the file itself: a copy of the store knows nothing
 *     l STATE ab                  a directory of loose objects, unchanged since all of it was synced
 *     p STATE pack-….pack         a pack, with its index
 *     c ID                        a commit or tag, with all that it leads to
 *
 * The file is replaced by a rename, or `c` lines are appended, and only after the facts are true. It is
 * never fsynced.
 */
import { randomBytes } from 'node:crypto';
import { isErrno, removeIfThere, writeFully } from '../../disk/durable.ts';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from '../../disk/fs.ts';
import { isTrusted } from '../../disk/ownership.ts';
import { NO_LINK } from '../../disk/ownFiles.ts';
import { share } from '../../disk/sharing.ts';

/** The facts that one process passes to the next. */
export interface SettledFacts {
  /** Directories of loose objects by name, each with the state in which all of it was synced. */
  readonly directories: ReadonlyMap<string, string>;
  /** Packs by file name. */
  readonly packs: ReadonlyMap<string, string>;
  /** Commits and tags, the newest last. */
  readonly complete: Iterable<string>;
}

const HEAD = 'gitstore settled 1 ';
const MOST_BYTES = 16 << 20;

export class SettledRecord {
  readonly #gitDir: string;
  readonly #path: string;

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
    this.#path = `${gitDir}/gitstore/settled`;
  }

  /** Undefined when there is no record of this store. */
  read(): SettledFacts | undefined {
    let text: string;
    let file: bigint;
    try {
      const fd = openSync(this.#path, constants.O_RDONLY | NO_LINK);
      try {
        const stats = fstatSync(fd, { bigint: true });
        if (!stats.isFile() || stats.size > MOST_BYTES) return undefined;
        file = stats.ino;
        text = readFileSync(fd, 'latin1');
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (isErrno(error, ...UNREADABLE)) return undefined;
      throw error;
    }
    return parse(text, file);
  }

  /** Replaces the record. Where that cannot be done, the next process has more to sync. */
  replace(facts: SettledFacts): void {
    if (!isTrusted(this.#gitDir)) return;
    const temporary = `${this.#path}-${randomBytes(6).toString('hex')}.tmp`;
    try {
      const fd = openSync(temporary, 'wx', 0o666);
      try {
        share(temporary, fd);
        writeFully(fd, Buffer.from(format(facts, fstatSync(fd, { bigint: true }).ino), 'latin1'));
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.#path);
    } catch (error) {
      if (!isErrno(error, ...UNWRITABLE)) throw error;
      removeIfThere(temporary);
    }
  }

  /** Adds ids of commits or tags. False where there is no record to add to. */
  add(ids: readonly string[]): boolean {
    try {
      const fd = openSync(this.#path, constants.O_WRONLY | constants.O_APPEND | NO_LINK);
      try {
        writeSync(fd, ids.map((id) => `c ${id}\n`).join(''));
      } finally {
        closeSync(fd);
      }
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      if (isErrno(error, ...UNWRITABLE)) return true;
      throw error;
    }
  }

  /** Forgets everything: for a collection, which removes what the record may name. */
  remove(): void {
    removeIfThere(this.#path);
  }
}

/** Whatever is the matter with the record, or the system: the work is done again. */
const UNREADABLE = [
  ...['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'EISDIR'],
  ...['EIO', 'EMFILE', 'ENFILE', 'ENOMEM'],
];
const UNWRITABLE = [...UNREADABLE, 'EROFS', 'ENOSPC', 'EDQUOT', 'EBUSY', 'EEXIST', 'EFBIG'];

function parse(text: string, file: bigint): SettledFacts | undefined {
  const lines = text.split('\n');
  if (lines[0] !== HEAD + file) return undefined;
  // What has no line end is torn.
  lines.pop();
  const directories = new Map<string, string>();
  const packs = new Map<string, string>();
  const complete: string[] = [];
  for (const line of lines) {
    const [, kind, state, name] = LINE.exec(line) ?? [];
    if (kind === 'l') directories.set(name!, state!);
    else if (kind === 'p') packs.set(name!, state!);
    else if (/^c [0-9a-f]{40}$/.test(line)) complete.push(line.slice(2));
  }
  return { directories, packs, complete };
}

const LINE = /^([lp]) ([0-9.]+) ([0-9a-f]{2}|pack-[0-9a-f]{40}\.pack)$/;

function format({ directories, packs, complete }: SettledFacts, file: bigint): string {
  const lines = [HEAD + file];
  for (const [name, state] of directories) lines.push(`l ${state} ${name}`);
  for (const [name, state] of packs) lines.push(`p ${state} ${name}`);
  for (const id of complete) lines.push(`c ${id}`);
  return `${lines.join('\n')}\n`;
}
