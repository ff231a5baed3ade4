/**
 * Reads, inflates and verifies pack entries on worker threads: runs of nearby entries, with one message
 * each way.
 */
import { asBuffer } from '../../../bytes.ts';
import { hashObject } from '../../../git/objectId.ts';
import { packObjectType } from '../../../git/packs/pack.ts';
import { THREADS_READ_PACKS } from '../../../runtime.ts';
import { WorkerPool } from '../../../threads/workerPool.ts';
import { Inflater } from '../../../zlib/inflater.ts';
import { type InflateAt, keptInflater } from '../../../zlib/keptInflater.ts';
import { readFullySync } from '../../disk/durable.ts';

/** Entries in some stretches of a pack file. */
export interface InflateJob {
  /** The pack, which must stay open during the job. */
  readonly fd: number;
  /** Two numbers for each stretch to read: its offset in the pack and its length. */
  readonly stretches: Float64Array<ArrayBuffer>;
  /** Total length of the stretches, which are read one behind the other. */
  readonly length: number;
  /**
   * Three numbers for each entry: the offset of its zlib stream in the bytes read, its inflated size, and
   * its type number in packs.
   */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The expected ids, 20 bytes each. */
  readonly ids: Uint8Array;
}

interface Request extends InflateJob {
  /** Memory for the answer, if large enough. */
  readonly room: ArrayBuffer;
}

export interface InflatedBatch {
  /** The bodies, one behind the other, `HEAD` bytes before each. */
  readonly data: Uint8Array;
  /** Indexes of entries that could not be read. Their parts of `data` are undefined. */
  readonly failed: readonly number[];
}

/** Bytes before each body in an answer. */
export const HEAD = 32;

/** Size that suffices for most answers, so that their memory is reused. */
const ROOM = (2 << 20) + (32 << 10);

export class InflatePool {
  readonly #workers = new WorkerPool<Request, InflatedBatch>(workerMain, undefined, [keptInflater]);
  readonly #rooms: ArrayBuffer[] = [];

  /** Number of jobs that keep all threads busy. */
  get depth(): number {
    return this.#workers.size * 2;
  }

  async inflate(job: InflateJob): Promise<InflatedBatch> {
    if (!THREADS_READ_PACKS) return inflateHere(job);
    const room = this.#rooms.pop() ?? new ArrayBuffer(ROOM);
    const { stretches, numbers, ids } = job;
    const transfer = [stretches.buffer, numbers.buffer, ids.buffer as ArrayBuffer, room];
    return this.#workers.run({ ...job, room }, transfer);
  }

  /** Returns the memory of an unused answer to the pool. */
  giveBack({ data }: InflatedBatch): void {
    if (data.buffer.byteLength === ROOM) this.#rooms.push(data.buffer as ArrayBuffer);
  }

  close(): Promise<void> {
    return this.#workers.close();
  }
}

let input = Buffer.alloc(0);
let inflater: Inflater | undefined;

/** The same on the caller's own thread. */
export function inflateHere({ fd, stretches, length, numbers, ids }: InflateJob): InflatedBatch {
  if (input.length < length) input = Buffer.allocUnsafeSlow(length);
  let end = 0;
  for (let i = 0; i < stretches.length; i += 2) {
    const size = stretches[i + 1]!;
    const got = readFullySync(fd, input.subarray(end), size, stretches[i]!);
    // What is missing at the end of a pack leaves no old bytes to be taken for it.
    input.fill(0, end + got, end + size);
    end += size;
  }
  inflater ??= new Inflater();
  let total = 1;
  for (let i = 1; i < numbers.length; i += 3) total += HEAD + numbers[i]!;
  const data = Buffer.allocUnsafeSlow(total);
  const failed: number[] = [];
  let at = 0;
  for (let i = 0; 3 * i < numbers.length; i++) {
    const size = numbers[3 * i + 1]!;
    at += HEAD;
    const body = data.subarray(at, at + size);
    const room = data.subarray(at, at + size + 1);
    const result = inflater.inflate(input, numbers[3 * i]!, end, size, room);
    let good = typeof result !== 'string';
    // Without our own inflater the result is in another buffer.
    if (typeof result !== 'string' && result.bytes.buffer !== data.buffer) body.set(result.bytes);
    const type = packObjectType(numbers[3 * i + 2]!)!;
    good &&= hashObject(type, body) === asBuffer(ids).toString('hex', 20 * i, 20 * i + 20);
    if (!good) failed.push(i);
    at += size;
  }
  return { data, failed };
}

function workerMain(create: typeof keptInflater): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { readSync } = process.getBuiltinModule('node:fs');
  const { hash } = process.getBuiltinModule('node:crypto');
  let inflate: InflateAt | undefined;
  let input = Buffer.alloc(0);

  /** Room before each body. */
  const HEAD = 32;
  const TYPES = ['', 'commit', 'tree', 'blob', 'tag'];

  parentPort?.on('message', ({ fd, stretches, length, numbers, ids: idBytes, room }: Request) => {
    try {
      const wanted = Buffer.from(idBytes.buffer).toString('hex');
      inflate ??= create(process.getBuiltinModule('node:zlib'));
      if (input.length < length) input = Buffer.allocUnsafeSlow(length);
      let end = 0;
      for (let i = 0; i < stretches.length; i += 2) {
        const size = stretches[i + 1]!;
        let got = 0;
        while (got < size) {
          const count = readSync(fd, input, end + got, size - got, stretches[i]! + got);
          if (count === 0) break;
          got += count;
        }
        // What is missing at the end of a pack leaves no old bytes to be taken for it.
        input.fill(0, end + got, end + size);
        end += size;
      }
      const bytes = input.subarray(0, end);
      let total = 1;
      for (let i = 1; i < numbers.length; i += 3) total += HEAD + numbers[i]!;
      const data = total <= room.byteLength ? Buffer.from(room) : Buffer.allocUnsafeSlow(total);
      const failed: number[] = [];
      let at = 0;
      for (let i = 0; 3 * i < numbers.length; i++) {
        const size = numbers[3 * i + 1]!;
        at += HEAD;
        // Git's header goes before each body, so that the hashed bytes are contiguous.
        const head = `${TYPES[numbers[3 * i + 2]!]} ${size}\0`;
        const start = at - head.length;
        let good = inflate(bytes, numbers[3 * i]!, data, at, size) >= 0;
        if (good) {
          data.write(head, start, 'latin1');
          const id = hash('sha1', new Uint8Array(data.buffer, start, at + size - start), 'hex');
          good = wanted.startsWith(id, 40 * i);
        }
        if (!good) failed.push(i);
        at += size;
      }
      parentPort.postMessage({ data, failed }, [data.buffer as ArrayBuffer]);
    } catch (error) {
      parentPort.postMessage({ error: String(error) });
    }
  });
}
