/**
 * The content of `gitstore.lock`: the holder of the store's lock, the lock files it is about to create,
 * and, when it moves several refs, the move under way. The holder writes it in one piece before it
 * does anything else. So the process that finds the holder dead knows all that it can have left behind.
 *
 *     gitstore lock
 *     4711 2026-11-23T10:00:00.000Z alpha
 *     lock refs/heads/main.lock
 *     move refs/heads/main <old id> <new id>
 *     sum <lock file> <checksum of the lines before>
 *
 * A store may come from another user, and a copied store contains the record of its original. So names
 * that are not refs are ignored, and moves count only when the record is complete and was written into
 * this lock file, identified by its inode number. Zero ids mean "no ref". An empty line ends the record;
 * bytes after it are left from a longer one.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { isObjectId, type ObjectId, ZERO_ID } from '../../../git/objectId.ts';
import { decodePath, encodePath } from '../../../git/pathBytes.ts';
import { isValidRefName } from '../../../git/refs/refName.ts';

/** One ref's part of a change of several refs. */
export interface RefMove {
  readonly ref: string;
  readonly old: ObjectId | null;
  readonly new: ObjectId | null;
}

export interface LockRecord {
  /** Its writer, for messages. */
  readonly holder: string;
  /** Names of lock files below the Git directory. */
  readonly locks: readonly string[];
  readonly moves: readonly RefMove[];
  /** Number of moves ignored because the record is damaged or belongs to another store. */
  readonly dropped?: number;
}

const FIRST_LINE = 'gitstore lock\n';

/** Usual upper bound for a record. Only a move of very many refs needs more. */
export const USUAL_RECORD_SIZE = 64 * 1024;

export function formatLockRecord(
  locks: readonly string[],
  moves: readonly RefMove[],
  file: bigint,
): Buffer {
  const second = Math.floor(Date.now() / 1000);
  const isUsual = moves.length === 0;
  if (isUsual && second === usual.second && file === usual.file && isSame(locks, usual.locks))
    return usual.bytes;
  let text = `${FIRST_LINE}${process.pid} ${new Date(second * 1000).toISOString()} ${HOST}\n`;
  for (const lock of locks) text += `lock ${lock}\n`;
  for (const move of moves) {
    text += `move ${move.ref} ${move.old ?? ZERO_ID} ${move.new ?? ZERO_ID}\n`;
  }
  const bytes = encodePath(`${text}sum ${file} ${checksum(text)}\n\n`);
  if (isUsual) usual = { second, file, locks: [...locks], bytes };
  return bytes;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** The last record, cached because commits to one branch repeat it. */
let usual: { second: number; file: bigint; locks: readonly string[]; bytes: Buffer } = {
  second: Number.NaN,
  file: 0n,
  locks: [],
  bytes: Buffer.alloc(0),
};

/** Undefined for anything but a complete record, such as the file before its first use. */
export function parseLockRecord(bytes: Uint8Array, file: bigint): LockRecord | undefined {
  const text = decodePath(bytes);
  const end = text.indexOf('\n\n');
  if (!text.startsWith(FIRST_LINE) || end < 0) return undefined;
  const [holder = '', ...lines] = text.slice(FIRST_LINE.length, end).split('\n');
  const locks: string[] = [];
  const moves: RefMove[] = [];
  for (const line of lines) {
    const [verb, name = '', old = ZERO_ID, next = ZERO_ID] = line.split(' ');
    if (verb === 'lock' && isLockName(name)) locks.push(name);
    if (verb === 'move') moves.push({ ref: name, old: idOrNull(old), new: idOrNull(next) });
  }
  const body = text.slice(0, text.lastIndexOf('\n', end - 1) + 1);
  const isSound =
    lines.at(-1) === `sum ${file} ${checksum(body)}` &&
    moves.every(
      (move) =>
        isMovable(move.ref) && [move.old, move.new].every((id) => id === null || isObjectId(id)),
    );
  return isSound ? { holder, locks, moves } : { holder, locks, moves: [], dropped: moves.length };
}

function isMovable(ref: string): boolean {
  return ref.startsWith('refs/') && isValidRefName(ref);
}

function isLockName(name: string): boolean {
  if (!name.endsWith('.lock')) return false;
  const ref = name.slice(0, -'.lock'.length);
  return ref === 'HEAD' || ref === 'packed-refs' || isMovable(ref);
}

function checksum(text: string): string {
  return createHash('sha1').update(encodePath(text)).digest('hex');
}

/** Whether a file begins like a record. */
export function looksLikeLockRecord(bytes: Buffer): boolean {
  return bytes.subarray(0, FIRST_LINE.length).equals(Buffer.from(FIRST_LINE));
}

function idOrNull(id: ObjectId): ObjectId | null {
  return id === ZERO_ID ? null : id;
}

const HOST = hostname();
