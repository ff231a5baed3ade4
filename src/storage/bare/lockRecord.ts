/**
 * What `gitstore.lock` says: who holds the store's lock, which lock files he is about to make, and,
 * when he moves several refs, which move is under way. Written in one piece before anything else
 * happens, so that whoever finds its writer dead knows all that he can have left behind.
 *
 *     gitstore lock
 *     4711 2026-11-23T10:00:00.000Z alpha
 *     lock refs/heads/main.lock
 *     move refs/heads/main <old id> <new id>
 *
 * Ids of zeros mean "no ref". An empty line ends it; what lies behind is left of a longer record.
 */
import { hostname } from 'node:os';
import { type ObjectId, ZERO_ID } from '../../git/objectId.ts';
import { decodePath, encodePath } from '../../git/pathBytes.ts';

/** One ref's part of a change of several refs. */
export interface RefMove {
  readonly ref: string;
  readonly old: ObjectId | null;
  readonly new: ObjectId | null;
}

export interface LockRecord {
  /** Who wrote it, for messages. */
  readonly holder: string;
  /** Names of lock files below the Git directory. */
  readonly locks: readonly string[];
  readonly moves: readonly RefMove[];
}

const FIRST_LINE = 'gitstore lock\n';

/** A record needs no more room than this unless very many refs move at once. */
export const USUAL_RECORD_SIZE = 64 * 1024;

export function formatLockRecord(locks: readonly string[], moves: readonly RefMove[]): Buffer {
  const second = Math.floor(Date.now() / 1000);
  const isUsual = moves.length === 0;
  if (isUsual && second === usual.second && isSame(locks, usual.locks)) return usual.bytes;
  let text = `${FIRST_LINE}${process.pid} ${new Date(second * 1000).toISOString()} ${HOST}\n`;
  for (const lock of locks) text += `lock ${lock}\n`;
  for (const move of moves) {
    text += `move ${move.ref} ${move.old ?? ZERO_ID} ${move.new ?? ZERO_ID}\n`;
  }
  const bytes = encodePath(`${text}\n`);
  if (isUsual) usual = { second, locks: [...locks], bytes };
  return bytes;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** The record made last: commits to one branch need the same one again and again. */
let usual: { second: number; locks: readonly string[]; bytes: Buffer } = {
  second: Number.NaN,
  locks: [],
  bytes: Buffer.alloc(0),
};

/** Undefined for anything that is not a whole record, such as the file before its first use. */
export function parseLockRecord(bytes: Uint8Array): LockRecord | undefined {
  const text = decodePath(bytes);
  const end = text.indexOf('\n\n');
  if (!text.startsWith(FIRST_LINE) || end < 0) return undefined;
  const [holder = '', ...lines] = text.slice(FIRST_LINE.length, end).split('\n');
  const locks: string[] = [];
  const moves: RefMove[] = [];
  for (const line of lines) {
    const [verb, name = '', old = ZERO_ID, next = ZERO_ID] = line.split(' ');
    if (verb === 'lock') locks.push(name);
    if (verb === 'move') moves.push({ ref: name, old: idOrNull(old), new: idOrNull(next) });
  }
  return { holder, locks, moves };
}

/** Whether a file begins as a record does. */
export function looksLikeLockRecord(bytes: Buffer): boolean {
  return bytes.subarray(0, FIRST_LINE.length).equals(Buffer.from(FIRST_LINE));
}

function idOrNull(id: ObjectId): ObjectId | null {
  return id === ZERO_ID ? null : id;
}

const HOST = hostname();
