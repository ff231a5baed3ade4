/**
 * Makes a new record `head` for one that is lost or damaged, from its newest copy and all other packs in the
 * bucket. Retired packs come back too, and take space until the next collection. Objects that only `head`
 * contained, and that were written after the copy, are lost.
 */

import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import { INDEX_HEAD_LENGTH, INDEX_TRAILER_LENGTH } from '../../../git/packs/packIndex.ts';
import { largest } from '../../../lists.ts';
import { firstHead } from '../bucketStorage.ts';
import type { Listed } from '../engine/bucket.ts';
import { claim } from '../engine/claim.ts';
import type { Engine } from '../engine/engine.ts';
import { HEAD_KEY } from '../head/headKeeper.ts';
import { epochOf, type Head, isHeadMadeOf, type PackEntry, parseHead } from '../head/headRecord.ts';
import { packProblem } from './packProblem.ts';

/** More commits than are possible since the copy, so that no writer takes the new head for an old one. */
const AHEAD = 2 ** 32;
const INDEX_START = Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]);
/** Bytes of an index for one object; one in a pack above 2 GiB may take 8 more. */
const INDEX_ROW = 28;
const INDEX_LARGE_ROW = 8;
const PACK_HEADER = 12;

export interface RepairPlan {
  /** The key of the copy; undefined if none exists and the refs are lost. */
  readonly copy: string | undefined;
  /** When it was made: milliseconds since 1970 by the clock of the object storage. */
  readonly copyTime: number | undefined;
  /** Packs that are put in beside those of the copy. */
  readonly packs: readonly PackEntry[];
  /** Packs of the copy that are lost. The head goes on to name them, so that this is seen. */
  readonly lost: readonly PackEntry[];
  /** Packs that are damaged, and left out. */
  readonly damaged: readonly string[];
  readonly head: Head;
  /** Of the damaged record that is to be replaced. */
  readonly tag: string | undefined;
}

/** What a repair has done. */
export interface Repaired {
  readonly head: Head;
  /** Short names of the branches that were made for commits without a ref. */
  readonly recovered: readonly string[];
}

export async function planRepair(
  engine: Engine,
  store: string,
  keys: ReadonlyMap<string, Listed>,
  tag: string | undefined,
  signal?: AbortSignal,
): Promise<RepairPlan> {
  const copies = [...keys.values()]
    .filter(({ key }) => key.startsWith('h/'))
    .sort((a, b) => epochOf(b.key) - epochOf(a.key) || b.modified - a.modified);
  let base: Head = firstHead(store, 'refs/heads/main', engine);
  let copy: Listed | undefined;
  for (const candidate of copies) {
    const found = await readCopy(engine, candidate.key, store, signal);
    if (found === undefined) continue;
    if (copy === undefined || found.sequence > base.sequence) {
      base = found;
      copy = candidate;
    }
  }
  const listed = new Set(base.packs.map(({ key }) => key));
  const packs: PackEntry[] = [];
  const damaged: string[] = [];
  for (const entry of keys.values()) {
    if (!entry.key.startsWith('p/') || listed.has(entry.key)) continue;
    const pack = await describePack(engine, entry, signal);
    if (pack === undefined) damaged.push(entry.key);
    else packs.push(pack);
  }
  const epoch = largest([...keys.keys()].map(epochOf), base.epoch) + 1;
  const retired = new Map(base.retired.map((one) => [one.key, one]));
  for (const { key } of packs) retired.delete(key);
  const head: Head = {
    ...base,
    sequence: base.sequence + AHEAD,
    nonces: [engine.environment.name()],
    epoch,
    generation: base.generation + 1,
    packs: [...base.packs, ...packs],
    retired: [...retired.values()],
    copy: copy?.key,
    lease: undefined,
  };
  const lost = base.packs.filter(({ key }) => !keys.has(key));
  return { copy: copy?.key, copyTime: copy?.modified, packs, lost, damaged, head, tag };
}

/**
 * Writes the planned head, with branches for commits that no ref leads to, by one conditional PUT: a repair
 * that ends early has changed nothing, and can be repeated.
 * @throws GitStoreError when another has written a head meanwhile
 */
export async function repairHead(engine: Engine, plan: RepairPlan): Promise<Repaired> {
  const { recoverTips } = await import('./recover.ts');
  const { body, names } = await recoverTips(engine, plan);
  const { head } = parseHead(body);
  const isWritten = await claim(engine, {
    key: HEAD_KEY,
    body,
    tag: plan.tag,
    isMadeOf: (there) => isHeadMadeOf(there, head),
  });
  if (isWritten) return { head, recovered: names };
  const { location } = engine.bucket;
  throw new GitStoreError(`${location}: another has changed head meanwhile; look again`);
}

async function readCopy(
  engine: Engine,
  key: string,
  store: string,
  signal: AbortSignal | undefined,
): Promise<Head | undefined> {
  const answer = await engine.get(key, { signal });
  if (answer.kind !== 'ok') return undefined;
  try {
    const { head } = parseHead(answer.body);
    return head.store === store ? head : undefined;
  } catch (error) {
    if (error instanceof CorruptObjectError) return undefined;
    throw error;
  }
}

/** Where the index begins behind a pack, found from its number of objects; undefined for a damaged one. */
async function describePack(
  engine: Engine,
  { key, size: whole, modified }: Listed,
  signal: AbortSignal | undefined,
): Promise<PackEntry | undefined> {
  const start = await engine.get(key, { range: { start: 0, end: PACK_HEADER }, signal });
  if (start.kind !== 'ok' || start.body.length < PACK_HEADER) return undefined;
  const header = Buffer.from(start.body);
  if (header.toString('latin1', 0, 4) !== 'PACK') return undefined;
  const count = header.readUInt32BE(8);
  const least = INDEX_HEAD_LENGTH + INDEX_TRAILER_LENGTH + count * INDEX_ROW;
  const most = Math.min(least + count * INDEX_LARGE_ROW, whole - PACK_HEADER);
  if (most < least) return undefined;
  for (let index = least; index <= most; index += INDEX_LARGE_ROW) {
    const at = whole - index;
    const range = { start: at, end: at + INDEX_START.length };
    const found = await engine.get(key, { range, signal });
    if (found.kind !== 'ok') return undefined;
    if (!INDEX_START.equals(found.body)) {
      // Rows of the second table are for packs above 2 GiB only.
      if (whole < 2 ** 31) return undefined;
      continue;
    }
    const entry: PackEntry = { key, size: at, index, count, time: modified, kind: 'written' };
    return (await packProblem(engine, entry, signal)) === undefined ? entry : undefined;
  }
  return undefined;
}
