/**
 * Keeps `head` small: moves accumulated data into other keys before it is written.
 */

import type { Shelf } from '../cache/shelf.ts';
import type { Engine } from '../engine/engine.ts';
import type { Draft } from '../head/draft.ts';
import { formatLog, type LogEntry, parseLog } from '../head/headRecord.ts';
import { formatRefTable, RefTable } from '../head/refTable.ts';
import { recentBytes } from './riding.ts';
import { newKey, uploadPack } from './upload.ts';

/** In bytes. */
export interface Limits {
  /** Bytes of `head` for recent objects, log, and changes of refs, each at most. */
  readonly recent: number;
  readonly log: number;
  readonly refs: number;
  /** Bytes up to which a chunk of the log is joined with newer entries. */
  readonly chunk: number;
}

export const LIMITS: Limits = { recent: 40 << 10, log: 12 << 10, refs: 12 << 10, chunk: 4 << 20 };
/** After a lost race the limits grow by this factor, so that the next attempt is not slowed by uploads. */
const PATIENCE = 4;

export async function relieve(
  draft: Draft,
  attempt: number,
  engine: Engine,
  shelf: Shelf,
  limits: Limits = LIMITS,
): Promise<void> {
  const factor = attempt === 0 ? 1 : PATIENCE;
  const { epoch } = draft.base;
  if (recentBytes(draft.head.recent) > limits.recent * factor) {
    const { recent } = draft.head;
    const staged = await shelf.stage(recent);
    const entry = await uploadPack(engine, staged, epoch, 'written');
    staged.keep(entry);
    staged.release();
    draft.removeRecent(new Set(recent.map(({ id }) => id)));
    draft.addPacks([entry]);
  }
  if (logBytes(draft.head.log) > limits.log * factor) await moveLog(draft, engine, limits.chunk);
  if (refBytes(draft.head.refs) > limits.refs * factor) {
    const entries = draft.head.refs.list('');
    const key = newKey(engine, 'r', epoch);
    await engine.put(key, formatRefTable(entries));
    const table = new Map(entries.map(({ ref, id }) => [ref, id]));
    draft.replaceRefs(new RefTable(new Map(), key, table));
  }
}

/** Moves the log into chunks, which grow like a binary counter: each is joined with ones of its size. */
async function moveLog(draft: Draft, engine: Engine, most: number): Promise<void> {
  let entries: readonly LogEntry[] = draft.head.log;
  let body = formatLog(entries);
  const chunks = [...draft.head.chunks];
  for (let last = chunks.at(-1); last !== undefined; last = chunks.at(-1)) {
    if (last.bytes > body.length * 2 || last.bytes + body.length > most) break;
    const answer = await engine.get(last.key);
    // The replaced head is not the newest then, and the PUT will fail.
    if (answer.kind !== 'ok') break;
    entries = [...parseLog(answer.body, last.key), ...entries];
    body = formatLog(entries);
    chunks.pop();
  }
  const key = newKey(engine, 'l', draft.base.epoch);
  await engine.put(key, body);
  draft.replaceLog([], [...chunks, { key, bytes: body.length, count: entries.length }]);
}

function logBytes(log: readonly LogEntry[]): number {
  let sum = 0;
  for (const entry of log) {
    sum += entry.ref.length + ('from' in entry ? entry.from : entry.line).length + 10;
  }
  return sum;
}

function refBytes({ changes }: RefTable): number {
  let sum = 0;
  for (const ref of changes.keys()) sum += ref.length + 50;
  return sum;
}
