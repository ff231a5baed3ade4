/**
 * Reads many objects in a given order. Packed objects that are not deltas are read ahead on other threads,
 * in runs of nearby entries. All others are read one by one in their turn.
 */
import { setImmediate } from 'node:timers/promises';
import { BatchClosedError, CorruptObjectError } from '../../../errors.ts';
import { ID_LENGTH } from '../../../git/idTable.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { PackType } from '../../../git/packs/pack.ts';
import { compressedBound } from '../../../zlib/inflate.ts';
import { isErrno } from '../../disk/durable.ts';
import type { GitObject, ObjectHeader, ReadAhead } from '../../storage.ts';
import { MissingBytesError } from './holes.ts';
import { HEAD, type InflatedBatch, type InflateJob, inflateBatch } from './inflateBatch.ts';
import type { InflatePool } from './inflatePool.ts';
import type { PackedObject } from './packDirectory.ts';
import type { PackFile, WholeEntry } from './packFile.ts';

export interface BulkSource {
  /** The likeliest place of an object in a pack. */
  findPacked(id: ObjectId): PackedObject | undefined;
  header(id: ObjectId): Promise<ObjectHeader | undefined>;
  read(id: ObjectId): Promise<GitObject | undefined>;
  /** As `ObjectStore.tryRead`. */
  tryRead(id: ObjectId): GitObject | undefined;
  pool(): InflatePool;
}

/** Use threads from this many objects on. */
const DIRECT = 100;

/** Larger objects come without body: the caller streams them. */
const LARGEST = 16 << 20;

/** Bytes of bodies being read at a time. */
const AHEAD = 32 << 20;

/** A run ends when it has this many objects, bytes of bodies, or bytes of the pack. */
const RUN_OBJECTS = 512;
const RUN_BODIES = 2 << 20;
const RUN_SPAN = 4 << 20;

/** Merge two reads when the gap between them is at most this many bytes. */
const GAP = 64 << 10;

/** One object of a run: its place among the run's bodies, or undefined for one read by itself. */
interface Slot {
  readonly id: ObjectId;
  readonly entry: WholeEntry | undefined;
  readonly stretch: Stretch | undefined;
}

/** A part of the pack that is read in one piece. */
interface Stretch {
  readonly start: number;
  end: number;
}

export async function* readMany(
  groups: AsyncIterable<readonly ObjectId[]>,
  source: BulkSource,
): AsyncGenerator<readonly (ReadAhead | undefined)[], void, undefined> {
  const line = new Line(source);
  let run = new Run();
  let count = 0;
  try {
    for await (const ids of groups) {
      for (const id of ids) {
        const place = count++ < DIRECT ? undefined : placeOf(id, source);
        if (!run.takes(place)) {
          line.add(run);
          run = new Run();
          while (line.isLong) yield* line.take();
        }
        run.add(id, place);
      }
    }
    line.add(run);
    while (!line.isEmpty) yield* line.take();
  } finally {
    line.drop();
  }
}

/** Queue of runs. Threads take them from the front. A caller that would have to wait reads one itself. */
class Line {
  readonly #source: BulkSource;
  readonly #runs: Run[] = [];
  #bodies = 0;
  #sent = 0;

  constructor(source: BulkSource) {
    this.#source = source;
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Whether enough runs are queued, so that the caller should take the first. */
  get isLong(): boolean {
    return this.#runs.length > 1 + this.#source.pool().depth || this.#bodies > AHEAD;
  }

  add(run: Run): void {
    this.#runs.push(run);
    this.#bodies += run.bodies;
    this.#send();
  }

  /** The results of the first run. */
  async *take(): AsyncGenerator<(ReadAhead | undefined)[], void, undefined> {
    const run = this.#runs[0]!;
    while (!run.isDone) {
      const idle = this.#runs.find(({ state }) => state === 'waiting');
      if (idle === undefined) await run.settled;
      else idle.readHere();
      // Lets answers of the threads arrive.
      if (!run.isDone) await setImmediate();
    }
    this.#runs.shift();
    this.#bodies -= run.bodies;
    yield* run.results(this.#source);
  }

  drop(): void {
    for (const run of this.#runs.splice(0)) run.release();
  }

  #send(): void {
    const pool = this.#source.pool();
    for (const run of this.#runs) {
      if (this.#sent >= pool.depth) return;
      if (run.state !== 'waiting') continue;
      this.#sent++;
      const goOn = () => {
        this.#sent--;
        this.#send();
      };
      run
        .send(pool)
        .finally(goOn)
        // The consumer of the run gets the error of a closed store.
        .catch((error: unknown) => {
          if (!(error instanceof BatchClosedError)) throw error;
        });
    }
  }
}

interface Place {
  readonly pack: PackFile;
  readonly entry: WholeEntry;
}

/** The entry of a small packed object that is not a delta; undefined for any other. */
function placeOf(id: ObjectId, source: BulkSource): Place | undefined {
  try {
    const place = source.findPacked(id);
    const entry = place?.pack.whole(place.offset);
    return entry === undefined || entry.size > LARGEST ? undefined : { pack: place!.pack, entry };
  } catch (error) {
    if (isFaultOfPack(error)) return undefined;
    throw error;
  }
}

/** Reading the object by itself reports the fault, or finds a valid copy elsewhere. */
function isFaultOfPack(error: unknown): boolean {
  return (
    error instanceof CorruptObjectError ||
    error instanceof MissingBytesError ||
    isErrno(error, 'ENOENT')
  );
}

async function readOne(id: ObjectId, source: BulkSource): Promise<ReadAhead | undefined> {
  const now = source.tryRead(id);
  if (now !== undefined) return { type: now.type, size: now.body.length, body: now.body };
  const header = await source.header(id);
  if (header === undefined || header.size > LARGEST) return header;
  const object = await source.read(id);
  return object && { ...header, body: object.body };
}

class Run {
  readonly #slots: Slot[] = [];
  #pack: PackFile | undefined;
  readonly #stretches: Stretch[] = [];
  /** The open stretch. Reads an object before it by itself. */
  #current: Stretch | undefined;
  #span = 0;
  #bodies = 0;
  #packed = 0;
  #batch: InflatedBatch | undefined;
  #release: (() => void) | undefined;
  state: 'waiting' | 'sent' | 'done' = 'waiting';
  /** Resolves when the sent job has come back. */
  settled: Promise<void> = Promise.resolve();

  get isDone(): boolean {
    return this.state === 'done';
  }

  /** Total bytes of the run's bodies. */
  get bodies(): number {
    return this.#bodies;
  }

  takes(place: Place | undefined): boolean {
    if (this.#slots.length >= RUN_OBJECTS) return false;
    if (place === undefined || this.#pack === undefined) return true;
    const { pack, entry } = place;
    return (
      pack === this.#pack &&
      this.#bodies + entry.size <= RUN_BODIES &&
      this.#span + endOf(entry) - entry.dataStart <= RUN_SPAN
    );
  }

  add(id: ObjectId, place: Place | undefined): void {
    if (place === undefined) {
      this.#slots.push({ id, entry: undefined, stretch: undefined });
      return;
    }
    const { pack, entry } = place;
    this.#pack ??= pack;
    this.#slots.push({ id, entry, stretch: this.#stretchFor(entry) });
    this.#packed += 1;
    this.#bodies += entry.size;
  }

  #stretchFor(entry: WholeEntry): Stretch {
    const start = entry.dataStart;
    const end = endOf(entry);
    const current = this.#current;
    if (current !== undefined && start >= current.start && start <= current.end + GAP) {
      this.#span += Math.max(0, end - current.end);
      current.end = Math.max(current.end, end);
      return current;
    }
    const stretch = { start, end };
    this.#stretches.push(stretch);
    this.#span += end - start;
    if (current === undefined || start > current.start) this.#current = stretch;
    return stretch;
  }

  /** Lets a thread read the run. */
  send(pool: InflatePool): Promise<void> {
    const job = this.#job();
    if (job === undefined) {
      this.state = 'done';
      return this.settled;
    }
    this.state = 'sent';
    this.settled = pool.inflate(job).then(
      (batch) => this.#finish(batch),
      // When the thread fails, each object is read by itself.
      () => this.#finish(undefined),
    );
    return this.settled;
  }

  /** Reads the run on this thread. */
  readHere(): void {
    const job = this.#job();
    this.#finish(job && inflateBatch(job));
  }

  #finish(batch: InflatedBatch | undefined): void {
    this.#batch = batch;
    this.state = 'done';
    this.#letGo();
  }

  /** Undefined when nothing of the run is read from a pack, or the pack is gone. */
  #job(): InflateJob | undefined {
    const fd = this.#openPack();
    if (fd === undefined) return undefined;
    const stretches = new Float64Array(2 * this.#stretches.length);
    /** Shift from offsets in the pack to offsets in the bytes read. */
    const shifts = new Map<Stretch, number>();
    let length = 0;
    for (const [i, stretch] of this.#stretches.entries()) {
      const { start, end } = stretch;
      stretches[2 * i] = start;
      stretches[2 * i + 1] = end - start;
      shifts.set(stretch, length - start);
      length += end - start;
    }
    const numbers = new Float64Array(3 * this.#packed);
    const ids = Buffer.allocUnsafeSlow(ID_LENGTH * this.#packed);
    let i = 0;
    for (const { id, entry, stretch } of this.#slots) {
      if (entry === undefined) continue;
      numbers[3 * i] = entry.dataStart + shifts.get(stretch!)!;
      numbers[3 * i + 1] = entry.size;
      numbers[3 * i + 2] = PackType[entry.type];
      ids.write(id, ID_LENGTH * i, 'hex');
      i++;
    }
    return { fd, stretches, length, numbers, ids };
  }

  #openPack(): number | undefined {
    const pack = this.#pack;
    if (pack === undefined) return undefined;
    this.#release = pack.retain();
    try {
      return pack.openFile();
    } catch (error) {
      if (!isFaultOfPack(error)) throw error;
      this.#letGo();
      return undefined;
    }
  }

  async *results(source: BulkSource): AsyncGenerator<(ReadAhead | undefined)[], void, undefined> {
    const batch = this.#batch;
    const failed = new Set(batch?.failed);
    let group: (ReadAhead | undefined)[] = [];
    let extra = 0;
    let index = 0;
    let at = 0;
    for (const { id, entry } of this.#slots) {
      if (entry !== undefined) {
        const { type, size } = entry;
        at += HEAD;
        const body = batch && new Uint8Array(batch.data.buffer, at, size);
        at += size;
        if (body !== undefined && !failed.has(index++)) {
          group.push({ type, size, body });
          continue;
        }
      }
      const object = await readOne(id, source);
      group.push(object);
      extra += object?.body?.length ?? 0;
      if (extra < RUN_BODIES) continue;
      yield group;
      group = [];
      extra = 0;
    }
    if (group.length > 0) yield group;
    if (batch !== undefined) source.pool().giveBack(batch);
  }

  /** Cancels the run, and releases the pack once the thread is done with it. */
  release(): void {
    if (this.state !== 'sent') this.#letGo();
  }

  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

/** Upper bound for the end of its zlib stream, if zlib wrote it. */
function endOf({ dataStart, dataEnd, size }: WholeEntry): number {
  return Math.min(dataEnd, dataStart + compressedBound(size));
}
