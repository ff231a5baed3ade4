/**
 * The record `head`, the one key of a store that is ever overwritten: its fields, and their bytes
 * (docs/bucket-format.md). A first line with format version, length and checksum; JSON; and behind it the
 * zlib streams of recent objects.
 */
import { createHash } from 'node:crypto';
import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import { isObjectId, isObjectType, type ObjectId, type ObjectType } from '../../../git/objectId.ts';
import { RefTable } from './refTable.ts';

export const FORMAT = 1;
const MAGIC = 'gitstore-head';
/** Nonces of recent commits to keep. Without its nonce a writer cannot tell whether its commit landed. */
export const KEPT_NONCES = 256;

/**
 * `written`: by a writer, or joined of such. `collected`: by a collection, of all that was reachable.
 * `cruft`: of what was unreachable and young.
 */
export type PackKind = 'written' | 'collected' | 'cruft';

const PACK_KINDS: readonly PackKind[] = ['written', 'collected', 'cruft'];

/** A pack with its index behind it, in one key. */
export interface PackEntry {
  readonly key: string;
  /** Bytes of the pack; the index begins there. */
  readonly size: number;
  /** Bytes of the index. */
  readonly index: number;
  readonly count: number;
  /** When its objects were put in, at the latest: milliseconds since 1970 by a writer's clock. */
  readonly time: number;
  readonly kind: PackKind;
}

/** A small object that rides in `head`. */
export interface RecentObject {
  readonly id: ObjectId;
  readonly type: ObjectType;
  /** Bytes of the body. */
  readonly size: number;
  /** The body as a zlib stream. */
  readonly data: Buffer;
}

/**
 * One step of a ref: a move, with a line as Git's reflogs have it; or, with `from`, the beginning of its
 * log with the log of another ref.
 */
export type LogEntry =
  | { readonly ref: string; readonly line: string; readonly isHead: boolean }
  | { readonly ref: string; readonly from: string };

/** Older entries of the log, in a key of their own. */
export interface LogChunk {
  readonly key: string;
  readonly bytes: number;
  readonly count: number;
}

/** A key that no head lists any more, to be deleted by a sweep. */
export interface RetiredKey {
  readonly key: string;
  /** The epoch in which it was taken off the lists. */
  readonly epoch: number;
}

/** Of a collector: others leave the work to it for some time. Only saves work. */
export interface Lease {
  readonly name: string;
  readonly pid: number;
  readonly host: string;
  /** Milliseconds since 1970 by the clock of its machine. */
  readonly until: number;
}

export interface Head {
  readonly store: string;
  /** Grows by one with every body. */
  readonly sequence: number;
  /** Newest first: of this body, of the one before, … */
  readonly nonces: readonly string[];
  readonly epoch: number;
  /** How many collections have taken objects off the lists. */
  readonly generation: number;
  /** Full name of the branch that HEAD names. */
  readonly branch: string;
  readonly refs: RefTable;
  readonly packs: readonly PackEntry[];
  readonly recent: readonly RecentObject[];
  /** Oldest first. */
  readonly log: readonly LogEntry[];
  /** Oldest first. */
  readonly chunks: readonly LogChunk[];
  readonly retired: readonly RetiredKey[];
  /** The copy of `head` that the last sweep has left. */
  readonly copy: string | undefined;
  readonly lease: Lease | undefined;
}

export function epochOf(key: string): number {
  const epoch = /^[a-z]\/(\d{1,15})-[0-9a-z]+$/.exec(key)?.[1];
  if (epoch === undefined) throw new CorruptObjectError(`Not a key of a store: ${key}`);
  return Number(epoch);
}

/** Whether a head is `made`, or was made on top of it as far as its names reach. */
export function contains(head: Head, made: Pick<Head, 'sequence' | 'nonces'>): boolean {
  return head.nonces[head.sequence - made.sequence] === made.nonces[0];
}

export type KeyKind = 'p' | 'l' | 'r' | 'h';

/** All keys that a head names, but those that are retired. */
export function* listedKeys(head: Head): Generator<string> {
  for (const { key } of head.packs) yield key;
  for (const { key } of head.chunks) yield key;
  if (head.refs.key !== undefined) yield head.refs.key;
  if (head.copy !== undefined) yield head.copy;
}

/** Whether a body of `head` is that of `made`, or of one on top of it. False for a damaged one. */
export function isHeadMadeOf(body: Uint8Array, made: Head): boolean {
  try {
    return contains(parseHead(body).head, made);
  } catch (error) {
    if (error instanceof CorruptObjectError) return false;
    throw error;
  }
}

type LogRow = [ref: string, line: string, isHead: 0 | 1] | [ref: string, from: string];

interface Json {
  store: string;
  sequence: number;
  nonces: readonly string[];
  epoch: number;
  generation: number;
  branch: string;
  table: string | null;
  refs: [string, ObjectId | null][];
  packs: [string, number, number, number, number, number][];
  recent: [ObjectId, ObjectType, number, number][];
  log: LogRow[];
  chunks: [string, number, number][];
  retired: [string, number][];
  copy: string | null;
  lease: [name: string, pid: number, host: string, until: number] | null;
}

export function formatHead(head: Head): Buffer {
  const json: Json = {
    store: head.store,
    sequence: head.sequence,
    nonces: head.nonces,
    epoch: head.epoch,
    generation: head.generation,
    branch: head.branch,
    table: head.refs.key ?? null,
    refs: [...head.refs.changes],
    packs: head.packs.map(({ key, size, index, count, time, kind }) => [
      key,
      size,
      index,
      count,
      time,
      PACK_KINDS.indexOf(kind),
    ]),
    recent: head.recent.map(({ id, type, size, data }) => [id, type, size, data.length]),
    log: head.log.map(logRow),
    chunks: head.chunks.map(({ key, bytes, count }) => [key, bytes, count]),
    retired: head.retired.map(({ key, epoch }) => [key, epoch]),
    copy: head.copy ?? null,
    lease: head.lease ? [head.lease.name, head.lease.pid, head.lease.host, head.lease.until] : null,
  };
  const text = Buffer.from(JSON.stringify(json));
  const rest = Buffer.concat([text, ...head.recent.map(({ data }) => data)]);
  const checksum = createHash('sha256').update(rest).digest('hex');
  return Buffer.concat([Buffer.from(`${MAGIC} ${FORMAT} ${text.length} ${checksum}\n`), rest]);
}

/** What `head` says; the table of its refs has to be fetched. */
export interface ParsedHead {
  readonly head: Head;
  readonly table: string | undefined;
}

/** @throws CorruptObjectError; GitStoreError (`EFORMAT`) for a store that is newer than this program */
export function parseHead(bytes: Uint8Array): ParsedHead {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = buffer.subarray(0, 200).indexOf(10);
  const line = buffer.toString('latin1', 0, Math.max(0, end));
  const [magic, version, length, checksum] = line.split(' ');
  if (magic !== MAGIC || !/^\d+$/.test(version ?? '')) throw damaged('its first line is not ours');
  checkFormat(Number(version));
  const rest = buffer.subarray(end + 1);
  if (createHash('sha256').update(rest).digest('hex') !== checksum) {
    throw damaged('its checksum does not fit');
  }
  try {
    return fromJson(JSON.parse(rest.toString('utf8', 0, Number(length))), rest, Number(length));
  } catch (cause) {
    throw damaged('it cannot be parsed', cause);
  }
}

function fromJson(json: Json, bytes: Buffer, start: number): ParsedHead {
  let at = start;
  const recent = json.recent.map(([id, type, size, length]): RecentObject => {
    if (!isObjectId(id) || !isObjectType(type)) throw new Error('no object');
    const data = bytes.subarray(at, at + length);
    at += length;
    return { id, type, size, data };
  });
  if (at !== bytes.length) throw new Error('its length does not fit');
  // Names of local files are made of these.
  if (!/^[0-9a-z]{1,64}$/.test(json.store)) throw new Error('no id');
  for (const [key] of json.packs) epochOf(key);
  const head: Head = {
    store: json.store,
    sequence: json.sequence,
    nonces: json.nonces,
    epoch: json.epoch,
    generation: json.generation,
    branch: json.branch,
    refs: new RefTable(new Map(json.refs), json.table ?? undefined),
    packs: json.packs.map(([key, size, index, count, time, kind]) => {
      return { key, size, index, count, time, kind: PACK_KINDS[kind] ?? 'written' };
    }),
    recent,
    log: json.log.map(logEntry),
    chunks: json.chunks.map(([key, length, count]) => ({ key, bytes: length, count })),
    retired: json.retired.map(([key, epoch]) => ({ key, epoch })),
    copy: json.copy ?? undefined,
    lease: json.lease ? leaseOf(json.lease) : undefined,
  };
  return { head, table: json.table ?? undefined };
}

function leaseOf([name, pid, host, until]: NonNullable<Json['lease']>): Lease {
  return { name, pid, host, until };
}

/** @throws GitStoreError (`EFORMAT`) */
export function checkFormat(version: number): void {
  if (version <= FORMAT) return;
  throw new GitStoreError(
    `The store has format ${version}, this program knows ${FORMAT}: use a newer gitstore`,
    'EFORMAT',
  );
}

function logRow(entry: LogEntry): LogRow {
  return 'from' in entry ? [entry.ref, entry.from] : [entry.ref, entry.line, entry.isHead ? 1 : 0];
}

function logEntry(row: LogRow): LogEntry {
  return row.length === 2
    ? { ref: row[0], from: row[1] }
    : { ref: row[0], line: row[1], isHead: row[2] === 1 };
}

export function formatLog(entries: readonly LogEntry[]): Buffer {
  return Buffer.from(JSON.stringify(entries.map(logRow)));
}

/** @throws CorruptObjectError */
export function parseLog(bytes: Uint8Array, key: string): LogEntry[] {
  try {
    return (JSON.parse(Buffer.from(bytes).toString()) as LogRow[]).map(logEntry);
  } catch (cause) {
    throw new CorruptObjectError(`The log ${key} is damaged`, { cause });
  }
}

function damaged(why: string, cause?: unknown): CorruptObjectError {
  return new CorruptObjectError(
    `The store's record head is damaged (${why}): run gitstore doctor --repair`,
    { cause },
  );
}
