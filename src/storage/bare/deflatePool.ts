/**
 * Deflates pack entries on worker threads. Work goes out in batches, one transferred buffer each way,
 * because a message costs as much as deflating a small file.
 */
import type * as Zlib from 'node:zlib';
import { WorkerPool } from './workerPool.ts';

/** One entry to make: the header that goes before the zlib stream, and the data to deflate. */
export interface DeflateJob {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Finished entries one behind the other, each a header and a zlib stream. */
export interface DeflatedBatch {
  readonly data: Uint8Array;
  /** Length of each entry in bytes. */
  readonly lengths: readonly number[];
  /** CRC-32 of each entry, as a pack index holds it. */
  readonly crcs: readonly number[];
}

interface Request {
  readonly data: Uint8Array;
  /** Header length and body length of each entry, in turn. */
  readonly lengths: readonly number[];
  readonly level: number;
}

/** Deflates a request's entries; the reply's data is the beginning of a buffer of its own. */
type Deflater = (request: Request) => DeflatedBatch;

export class DeflatePool {
  readonly #workers: WorkerPool<Request, DeflatedBatch>;
  #here: Deflater | undefined;

  constructor(size?: number) {
    this.#workers = new WorkerPool(workerMain, size, [createDeflater]);
  }

  /** How many batches keep all workers busy while the caller gets the next ones ready. */
  get depth(): number {
    return this.#workers.depth;
  }

  /** @param level of zlib, 0 to 9 */
  deflate(jobs: readonly DeflateJob[], level: number): Promise<DeflatedBatch> {
    const request = requestFor(jobs, level);
    return this.#workers.run(request, [request.data.buffer]);
  }

  /** The same at once, on the caller's own thread: for work that is done sooner than one starts. */
  deflateNow(jobs: readonly DeflateJob[], level: number): DeflatedBatch {
    this.#here ??= createDeflater(process.getBuiltinModule('node:zlib'));
    return this.#here(requestFor(jobs, level));
  }

  close(): Promise<void> {
    return this.#workers.close();
  }
}

function requestFor(
  jobs: readonly DeflateJob[],
  level: number,
): Request & { data: Uint8Array<ArrayBuffer> } {
  const lengths: number[] = [];
  let total = 0;
  for (const { header, body } of jobs) {
    lengths.push(header.length, body.length);
    total += header.length + body.length;
  }
  const data = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const { header, body } of jobs) {
    data.set(header, at);
    data.set(body, at + header.length);
    at += header.length + body.length;
  }
  return { data, lengths, level };
}

function workerMain(create: typeof createDeflater): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const deflate = create(process.getBuiltinModule('node:zlib'));
  parentPort?.on('message', (request: Request) => {
    try {
      const reply = deflate(request);
      parentPort.postMessage(reply, [reply.data.buffer as ArrayBuffer]);
    } catch (error) {
      parentPort.postMessage({ error: String(error) });
    }
  });
}

/** As `workerMain`, it uses nothing from outside itself. */
function createDeflater(zlib: typeof Zlib): Deflater {
  const { constants, createDeflate, deflateSync, inflateSync, crc32 } = zlib;
  const SAMPLE = 4096;

  /** Deflates into `out` and gives back the length; -1 where that cannot be done. */
  type DeflateInto = (body: Uint8Array, out: Uint8Array, at: number) => number;
  const impossible: DeflateInto = () => -1;
  let kept: { level: number; deflate: DeflateInto } | undefined;

  /**
   * One zlib handle for all entries: making a stream and a handle for each takes as long as deflating
   * a small file. Node has no public call that keeps the handle; the one below its streams is used
   * after trying whether it works, `deflateSync` where it does not.
   */
  function keepHandle(level: number): DeflateInto {
    interface Handle {
      onerror?: unknown;
      reset?(): void;
      writeSync?(...args: unknown[]): void;
    }
    const stream = createDeflate({ level }) as unknown as {
      on(event: string, listener: () => void): void;
      _handle?: Handle;
      _writeState?: Uint32Array;
    };
    const { _handle: handle, _writeState: state } = stream;
    if (typeof handle?.reset !== 'function' || typeof handle.writeSync !== 'function') {
      return impossible;
    }
    if (!(state instanceof Uint32Array)) return impossible;
    let failed = false;
    stream.on('error', () => {
      failed = true;
    });
    handle.onerror = () => {
      failed = true;
    };
    const deflate: DeflateInto = (body, out, at) => {
      if (failed) return -1;
      const room = out.length - at;
      try {
        handle.reset!();
        handle.writeSync!(constants.Z_FINISH, body, 0, body.length, out, at, room);
      } catch {
        failed = true;
      }
      // Without a byte left it may not have been enough.
      return failed || state[0] === 0 ? -1 : room - state[0]!;
    };
    for (const sample of ['gitstore gitstore gitstore', '', 'other bytes']) {
      const out = Buffer.alloc(200);
      const length = deflate(Buffer.from(sample), out, 7);
      if (length <= 0) return impossible;
      const stream = out.subarray(7, 7 + length);
      if (inflateSync(stream).toString() !== sample) return impossible;
    }
    return deflate;
  }

  function deflateInto(body: Uint8Array, level: number, out: Uint8Array, at: number): number {
    try {
      if (kept?.level !== level) kept = { level, deflate: keepHandle(level) };
    } catch {
      kept = { level, deflate: impossible };
    }
    return kept.deflate(body, out, at);
  }

  /** Whether data is compressed already, judged by three samples of it. */
  function isDense(body: Uint8Array): boolean {
    if (body.length < 16 * SAMPLE) return false;
    let shrunk = 0;
    for (const part of [0, 0.5, 1]) {
      const at = Math.floor((body.length - SAMPLE) * part);
      shrunk += deflateSync(body.subarray(at, at + SAMPLE), { level: 1 }).length;
    }
    return shrunk > 3 * SAMPLE * 0.95;
  }

  /** The most that a body takes: deflated, or in stored blocks. */
  function bound(length: number): number {
    return length + 5 * Math.ceil(length / 16383) + 64;
  }

  /** Stored blocks of full length: the output buffer must hold all of it for zlib to make them. */
  function store(body: Uint8Array): Uint8Array {
    return deflateSync(body, { level: 0, chunkSize: bound(body.length) });
  }

  /** Writes the zlib stream of a body into `out` at `at`, and gives back its length. */
  function compress(body: Uint8Array, level: number, out: Uint8Array, at: number): number {
    let stream: Uint8Array | undefined;
    if (level > 0 && !isDense(body)) {
      const length = deflateInto(body, level, out, at);
      if (length > 0 && length < body.length) return length;
      if (length < 0) stream = deflateSync(body, { level });
    }
    if (stream === undefined || stream.length >= body.length) stream = store(body);
    out.set(stream, at);
    return stream.length;
  }

  return ({ data, lengths, level }) => {
    let room = 0;
    for (let i = 0; i < lengths.length; i += 2) room += lengths[i]! + bound(lengths[i + 1]!);
    const out = Buffer.allocUnsafeSlow(room);
    const entryLengths: number[] = [];
    const crcs: number[] = [];
    let from = 0;
    let at = 0;
    for (let i = 0; i < lengths.length; i += 2) {
      const start = at;
      const header = data.subarray(from, from + lengths[i]!);
      from += header.length;
      const body = data.subarray(from, from + lengths[i + 1]!);
      from += body.length;
      out.set(header, at);
      at += header.length;
      at += compress(body, level, out, at);
      entryLengths.push(at - start);
      crcs.push(crc32(out.subarray(start, at)));
    }
    return { data: new Uint8Array(out.buffer, 0, at), lengths: entryLengths, crcs };
  };
}
