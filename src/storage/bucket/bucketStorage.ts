/**
 * A store in a bucket, for concurrent use by many machines, with the guarantees of a repository on disk
 * (docs/bucket-format.md).
 */
import { CorruptObjectError, FileNotFoundError, GitStoreError } from '../../errors.ts';
import { typedFault } from '../../systemFaults.ts';
import { BareMemos } from '../bare/memos.ts';
import { checkRef } from '../refRules.ts';
import type { Storage } from '../storage.ts';
import { type Convert, withFaults, withTypedFaults } from '../typedFaults.ts';
import { BucketRefs } from './bucketRefs.ts';
import { CACHE_GONE, CacheFolder, type CacheOptions } from './cache/cacheFolder.ts';
import { DiskShelf } from './cache/diskShelf.ts';
import { Contents } from './commit/contents.ts';
import { Outbox } from './commit/outbox.ts';
import type { Bucket } from './engine/bucket.ts';
import { claim } from './engine/claim.ts';
import { Engine } from './engine/engine.ts';
import { type Environment, realEnvironment } from './engine/environment.ts';
import { PROBE_FOLDER } from './engine/probe.ts';
import { HEAD_KEY, HeadKeeper, NoHeadError } from './head/headKeeper.ts';
import { checkFormat, FORMAT, formatHead, type Head, isHeadMadeOf } from './head/headRecord.ts';
import { LogReader } from './head/logReader.ts';
import { RefTable } from './head/refTable.ts';
import { BucketObjects } from './objects/bucketObjects.ts';
import { BucketUpkeep } from './upkeep/bucketUpkeep.ts';

export const STORE_KEY = 'store';

export interface BucketStorageOptions {
  /** zlib level for writes; default 1. */
  readonly compression?: number | undefined;
  readonly cache?: CacheOptions | undefined;
  /**
   * Milliseconds for which refs read before count as current, which saves a request per read. Default 0.
   * A change always compares with the newest refs.
   */
  readonly maxAge?: number | undefined;
  /** Milliseconds without an answer after which the engine counts as unreachable; default 60,000. */
  readonly deadline?: number | undefined;
  /** Milliseconds since the epoch, for reflog lines without an identity; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Milliseconds between two sweeps; default: a day. */
  readonly sweepInterval?: number | undefined;
  readonly environment?: Environment | undefined;
}

export interface CreateBucketOptions extends BucketStorageOptions {
  /** Short name of the branch for HEAD; default `main`. */
  readonly branch?: string | undefined;
  /** Result of a probe of the engine, saved with the store. */
  readonly probe?: unknown;
  /** Called when a missing store was created. */
  readonly onCreate?: (() => void) | undefined;
}

/** The record `store`, which is written once. */
export interface StoreRecord {
  readonly format: number;
  /** 24 letters and digits. */
  readonly id: string;
  readonly hash: 'sha1';
  readonly probe?: unknown;
}

/**
 * Opens the store in a bucket.
 * @throws FileNotFoundError when it is missing; GitStoreError (`EFORMAT`) for a newer format;
 *   UnreachableError; CorruptObjectError
 */
export async function openBucketStorage(
  bucket: Bucket,
  options: BucketStorageOptions = {},
): Promise<Storage> {
  const engine = newEngine(bucket, options);
  try {
    return await open(engine, options);
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error;
    // Read the record only on failure, which saves a request in the usual case.
    if ((await readStore(engine)) !== undefined) throw error;
    throw new FileNotFoundError(
      `There is no store in ${bucket.location}: make one with gitstore init`,
      { cause: error },
    );
  }
}

/**
 * Opens a store in a bucket, and creates a missing one.
 * @throws GitStoreError (`EEXIST`) when there is something else; as `openBucketStorage`
 */
export async function createBucketStorage(
  bucket: Bucket,
  options: CreateBucketOptions = {},
): Promise<Storage> {
  const engine = newEngine(bucket, options);
  const branch = `refs/heads/${options.branch ?? 'main'}`;
  checkRef(branch);
  try {
    return await openBucketStorage(bucket, options);
  } catch (error) {
    if (!(error instanceof FileNotFoundError) && !(error instanceof NoHeadError)) throw error;
  }
  let store = await readStore(engine);
  if (store === undefined) {
    await checkVacant(engine, new Set(), async () => (await readStore(engine)) !== undefined);
    const { probe } = options;
    const record: StoreRecord = {
      format: FORMAT,
      id: engine.environment.name(),
      hash: 'sha1',
      probe,
    };
    const body = Buffer.from(`${JSON.stringify(record)}\n`);
    await claim(engine, { key: STORE_KEY, body, tag: undefined });
    store = await readStore(engine);
    if (store === undefined)
      throw new CorruptObjectError(`${bucket.location} forgets what is written`);
  }
  const hasHead = async () => (await engine.head(HEAD_KEY)).kind !== 'absent';
  if (!(await hasHead())) {
    // A creator that died leaves only the record. A store that lost its head has more keys.
    await checkVacant(engine, new Set([STORE_KEY]), hasHead);
    const head = firstHead(store.id, branch, engine);
    const isMade = await claim(engine, {
      key: HEAD_KEY,
      body: formatHead(head),
      tag: undefined,
      isMadeOf: (body) => isHeadMadeOf(body, head),
    });
    if (isMade) options.onCreate?.();
  }
  return open(engine, options);
}

function newEngine(bucket: Bucket, options: BucketStorageOptions): Engine {
  return new Engine(bucket, options.environment ?? realEnvironment, options.deadline);
}

async function open(engine: Engine, options: BucketStorageOptions): Promise<Storage> {
  const { bucket, environment } = engine;
  const keeper = new HeadKeeper(engine, undefined, options.maxAge);
  const { store: id } = await keeper.refresh();
  const folder = withFaults(ofCache(bucket.location), () => new CacheFolder(id, options.cache));
  const shelf = new DiskShelf(folder, engine);
  const contents = new Contents(keeper, shelf);
  const outbox = new Outbox(engine, contents);
  keeper.companion = outbox;
  const logs = new LogReader(engine, keeper);
  const objects = new BucketObjects({
    keeper,
    contents,
    outbox,
    shelf,
    level: options.compression,
  });
  const now = options.now ?? (() => environment.now());
  const refs = new BucketRefs({ keeper, outbox, logs, now });
  const { sweepInterval } = options;
  const storage: Storage = {
    location: bucket.location,
    get identity() {
      return `bucket ${id}`;
    },
    objects,
    refs,
    memos: new BareMemos(folder.path),
    upkeep: new BucketUpkeep({
      engine,
      keeper,
      contents,
      logs,
      refs,
      objects,
      shelf,
      sweepInterval,
    }),
    async close() {
      await keeper.idle();
      await objects.close();
      outbox.close();
      shelf.close();
      await bucket.close();
    },
  };
  return withTypedFaults(storage, ofCache(folder.path));
}

/** For failures of the disk, which holds only copies and work in progress. */
function ofCache(path: string): Convert {
  return (error) => typedFault(error, path, CACHE_GONE);
}

export function firstHead(
  store: string,
  branch: string,
  engine: Pick<Engine, 'environment'>,
): Head {
  return {
    store,
    sequence: 1,
    nonces: [engine.environment.name()],
    epoch: 1,
    generation: 0,
    branch,
    refs: new RefTable(),
    packs: [],
    recent: [],
    log: [],
    chunks: [],
    retired: [],
    copy: undefined,
    lease: undefined,
  };
}

/** @throws CorruptObjectError when it is another kind of object; GitStoreError (`EFORMAT`) */
export async function readStore(engine: Engine): Promise<StoreRecord | undefined> {
  const answer = await engine.get(STORE_KEY);
  if (answer.kind !== 'ok') return undefined;
  const { location } = engine.bucket;
  let record: Partial<StoreRecord>;
  try {
    record = JSON.parse(Buffer.from(answer.body).toString()) as Partial<StoreRecord>;
  } catch (cause) {
    throw new CorruptObjectError(`The record store in ${location} cannot be parsed`, { cause });
  }
  const { format, id, hash } = record;
  if (typeof format === 'number') checkFormat(format);
  const isOurs = typeof format === 'number' && /^[0-9a-z]{8,64}$/.test(id ?? '') && hash === 'sha1';
  if (isOurs) return record as StoreRecord;
  throw new CorruptObjectError(`What lies in ${location} under the key store is not gitstore's`);
}

/**
 * @param isMade whether another process has made meanwhile what was missing: then the keys are its own
 * @throws GitStoreError (`EEXIST`) when other keys exist
 */
async function checkVacant(
  engine: Engine,
  own: ReadonlySet<string>,
  isMade: () => Promise<boolean>,
): Promise<void> {
  const { location } = engine.bucket;
  for await (const page of engine.list('')) {
    for (const { key } of page) {
      if (own.has(key) || key.startsWith(PROBE_FOLDER)) continue;
      if (await isMade()) return;
      const message = own.has(STORE_KEY)
        ? `The store in ${location} has lost its record head: run gitstore doctor --repair`
        : `${location} holds something else (${key}): choose another prefix`;
      throw new GitStoreError(message, 'EEXIST');
    }
  }
}
