/**
 * Examines a store in a bucket without opening it: probes the engine, compares `head` with the existing
 * keys and packs with their checksums, and reports faults and the cost of a repair.
 */
import { CorruptObjectError } from '../../../errors.ts';
import type { StorageFault } from '../../storageUpkeep.ts';
import { readStore } from '../bucketStorage.ts';
import type { Bucket, Listed } from '../engine/bucket.ts';
import { Engine } from '../engine/engine.ts';
import { realEnvironment } from '../engine/environment.ts';
import { type Finding, probe } from '../engine/probe.ts';
import { HEAD_KEY } from '../head/headKeeper.ts';
import { type Head, listedKeys, parseHead } from '../head/headRecord.ts';
import { KEY_FOLDERS } from '../upkeep/sweep.ts';
import { packProblem } from './packProblem.ts';
import { planRepair, type RepairPlan, repairHead } from './repair.ts';

export interface DoctorOptions {
  /** Repair the record `head`. */
  readonly repair?: boolean | undefined;
  /** Rounds of each race in the probe; default 20. */
  readonly rounds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without an answer after which the engine counts as unreachable; default 60,000. */
  readonly deadline?: number | undefined;
  /** Called with the number of verified bytes of packs, and the total. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

export interface Diagnosis {
  readonly engine: readonly Finding[];
  /** Whether there is a store. */
  readonly hasStore: boolean;
  /** Faults of the store, after a repair if there was one. */
  readonly faults: readonly StorageFault[];
  readonly packs: number;
  /** Bytes of all keys of the store. */
  readonly bytes: number;
  /** Keys that no head lists: of active writers, or left for the next sweep. */
  readonly unlisted: number;
  /** The possible or performed repair of `head`. */
  readonly plan?: RepairPlan | undefined;
  /** Branches created for commits without a ref. */
  readonly recovered?: readonly string[] | undefined;
}

/** @throws UnreachableError; RemoteError; GitStoreError (`EFORMAT`) for a store of a newer format */
export async function examine(bucket: Bucket, options: DoctorOptions = {}): Promise<Diagnosis> {
  const { repair = false, rounds = 20, signal, deadline } = options;
  const engine = new Engine(bucket, realEnvironment, deadline);
  const findings = await probe(bucket, { rounds, writers: 16, signal, deadline });
  const store = await readStore(engine);
  if (store === undefined) {
    return { engine: findings, hasStore: false, faults: [], packs: 0, bytes: 0, unlisted: 0 };
  }
  const found = await readHead(engine);
  const keys = await keysOf(engine, signal);
  let { head } = found;
  let plan: RepairPlan | undefined;
  let recovered: readonly string[] | undefined;
  if (head !== undefined && head.store !== store.id) {
    found.problem = 'belongs to another store';
    head = undefined;
  }
  if (head === undefined) {
    plan = await planRepair(engine, store.id, keys, found.tag, signal);
    if (repair) ({ head, recovered } = await repairHead(engine, plan));
  }
  const bytes = [...keys.values()].reduce((sum, { size }) => sum + size, 0);
  const base = { engine: findings, hasStore: true, bytes, plan, recovered };
  if (head === undefined) {
    const faults = [{ subject: HEAD_KEY, problem: found.problem! }];
    return { ...base, faults, packs: 0, unlisted: keys.size };
  }
  const listed = new Set(listedKeys(head));
  for (const { key } of head.retired) listed.add(key);
  const faults = await faultsOf(engine, head, keys, options);
  const unlisted = [...keys.keys()].filter((key) => !listed.has(key)).length;
  return { ...base, faults, packs: head.packs.length, unlisted };
}

async function readHead(
  engine: Engine,
): Promise<{ head?: Head | undefined; tag?: string | undefined; problem?: string }> {
  const answer = await engine.get(HEAD_KEY);
  if (answer.kind !== 'ok') return { problem: 'is missing' };
  try {
    return { head: parseHead(answer.body).head, tag: answer.tag };
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error;
    return { tag: answer.tag, problem: 'is damaged' };
  }
}

async function keysOf(
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<Map<string, Listed>> {
  const keys = new Map<string, Listed>();
  for (const folder of KEY_FOLDERS) {
    for await (const page of engine.list(folder, signal)) {
      for (const entry of page) keys.set(entry.key, entry);
    }
  }
  return keys;
}

async function faultsOf(
  engine: Engine,
  head: Head,
  keys: ReadonlyMap<string, Listed>,
  { signal, onProgress }: DoctorOptions,
): Promise<StorageFault[]> {
  const faults: StorageFault[] = [];
  const isThere = async (key: string): Promise<number | undefined> =>
    // A key may have been written after the list was read.
    keys.get(key)?.size ?? sizeOf(await engine.head(key, signal));
  const packs = new Set(head.packs.map(({ key }) => key));
  for (const key of listedKeys(head)) {
    if (packs.has(key) || (await isThere(key)) !== undefined) continue;
    faults.push({ subject: key, problem: 'is missing' });
  }
  const total = head.packs.reduce((sum, { size, index }) => sum + size + index, 0);
  let done = 0;
  for (const entry of head.packs) {
    const size = await isThere(entry.key);
    const problem =
      size === undefined
        ? 'is missing: what it holds is lost, unless a backup has it'
        : size === entry.size + entry.index
          ? await packProblem(engine, entry, signal, (bytes) => {
              done += bytes;
              onProgress?.(done, total);
            })
          : `has ${size} bytes, and should have ${entry.size + entry.index}`;
    if (problem !== undefined) faults.push({ subject: entry.key, problem });
  }
  return faults;
}

function sizeOf(answer: { readonly kind: string; readonly size?: number }): number | undefined {
  return answer.kind === 'ok' ? answer.size : undefined;
}
