/**
 * Writes one pack as its objects arrive. Entries go to a temporary file, which gets its final name, and
 * then its index, when the writer finishes (gitformat-pack(5)). Entries are whole objects: only
 * collections search for deltas.
 */
import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { GitStoreError } from '../../../errors.ts';
import { type ObjectId, type ObjectType, startObjectHash } from '../../../git/objectId.ts';
import {
  PACK_HEADER_LENGTH,
  PackType,
  packEntryHeader,
  packHeader,
} from '../../../git/packs/pack.ts';
import { type PackIndexEntry, serializePackIndex } from '../../../git/packs/packIndex.ts';
import type { DeflatedBatch } from '../../../zlib/deflateBatch.ts';
import type { DeflatePool } from '../../../zlib/deflatePool.ts';
import { deflateStream } from '../../../zlib/deflateStream.ts';
import { isDense } from '../../../zlib/dense.ts';
import { newQuickDeflate, QUICK_LEVEL } from '../../../zlib/quickDeflate.ts';
import { StoredDeflate } from '../../../zlib/storedDeflate.ts';
import {
  readFully,
  readFullySync,
  removeIfThere,
  temporaryName,
  writeFully,
} from '../../disk/durable.ts';
import { closeSync, ftruncateSync, openSync } from '../../disk/fs.ts';
import { whileWritable } from '../../disk/readOnly.ts';
import { share } from '../../disk/sharing.ts';
import type { Durability } from '../../storage.ts';
import { DeflateLine } from './deflateLine.ts';
import { placePack } from './placePack.ts';

/** Streams up to this size are buffered whole, so that they are deflated in parallel with later objects. */
const WHOLE_STREAM = 10 << 20;
const READ_CHUNK = 1 << 20;
/** A shorter start of a stream does not show whether the rest is compressible. */
const TELLING = 4096;

export interface PackWriterOptions {
  readonly packDir: string;
  readonly level: number;
  readonly durability: Durability;
  readonly pool: DeflatePool;
}

export class PackWriter {
  readonly #options: PackWriterOptions;
  readonly #file: string;
  readonly #fd: number;
  readonly #entries: PackIndexEntry[] = [];
  #end = PACK_HEADER_LENGTH;
  readonly #line: DeflateLine;
  /** Hash of a pack with a single, streamed object; see `#checksum`. */
  #single: Hash | undefined;
  #closed = false;

  constructor(options: PackWriterOptions) {
    this.#options = options;
    const { level, pool } = options;
    this.#line = new DeflateLine(pool, level, (ids, batch) => this.#take(ids, batch));
    this.#file = join(options.packDir, temporaryName('tmp_pack_'));
    this.#fd = whileWritable(this.#file, () => openSync(this.#file, 'wx+', 0o444));
    try {
      share(this.#file, this.#fd);
      this.#append(packHeader(0), 0);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Whether a thread is idle and would work on new objects in parallel with the caller. */
  get hasIdleThreads(): boolean {
    return this.#line.hasIdleThreads;
  }

  /** Queues an object. Waits while too many are in progress. */
  add(id: ObjectId, type: ObjectType, body: Uint8Array): Promise<void> {
    this.#single = undefined;
    return this.#line.add(id, type, body);
  }

  /**
   * Writes a blob as it is read. `keep` decides whether it stays, once its id is known.
   * @param size in bytes
   * @throws GitStoreError when the source has another number of bytes
   */
  async addStream(
    source: AsyncIterable<Uint8Array>,
    size: number,
    keep: (id: ObjectId) => boolean,
  ): Promise<ObjectId> {
    if (size <= WHOLE_STREAM) return this.#addWhole(source, size, keep);
    await this.#line.finish();
    const start = this.#end;
    const only = this.#entries.length === 0;
    this.#single = undefined;
    const pack = only ? createHash('sha1').update(packHeader(1)) : undefined;
    const hash = startObjectHash('blob', size);
    let crc = 0;
    const put = (bytes: Uint8Array): void => {
      crc = crc32(bytes, crc);
      pack?.update(bytes);
      this.#append(bytes, this.#end);
      this.#end += bytes.length;
    };
    let id: ObjectId;
    let isKept = false;
    try {
      put(packEntryHeader(PackType.blob, size));
      await this.#deflateStream(counted(source, size, hash), size, put);
      id = hash.digest('hex');
      isKept = keep(id);
    } finally {
      if (!isKept) this.#truncate(start);
    }
    if (!isKept) return id;
    this.#entries.push({ id, offset: start, crc });
    this.#single = pack;
    return id;
  }

  async #addWhole(
    source: AsyncIterable<Uint8Array>,
    size: number,
    keep: (id: ObjectId) => boolean,
  ): Promise<ObjectId> {
    const body = Buffer.allocUnsafeSlow(size);
    const hash = startObjectHash('blob', size);
    let at = 0;
    for await (const chunk of counted(source, size, hash)) {
      body.set(chunk, at);
      at += chunk.length;
    }
    const id = hash.digest('hex');
    if (keep(id)) await this.add(id, 'blob', body);
    return id;
  }

  /**
   * Puts pack and index in place and returns the pack's file name. Drops an empty pack and returns
   * undefined.
   */
  async finish(): Promise<string | undefined> {
    const { packDir, durability } = this.#options;
    await this.#line.finish();
    if (this.#entries.length === 0) {
      this.abort();
      return undefined;
    }
    this.#append(packHeader(this.#entries.length), 0);
    const checksum = await this.#checksum();
    this.#append(checksum, this.#end);
    const index = serializePackIndex(this.#entries, checksum);
    const place = { packDir, file: this.#file, fd: this.#fd, checksum, index, durability };
    return placePack(place, () => this.#close());
  }

  /** Removes what was written. */
  abort(): void {
    this.#close();
    removeIfThere(this.#file);
    this.#line.drop();
  }

  #close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }

  #append(bytes: Uint8Array, position: number): void {
    writeFully(this.#fd, bytes, position);
  }

  #truncate(end: number): void {
    ftruncateSync(this.#fd, end);
    this.#end = end;
  }

  #take(ids: readonly ObjectId[], { data, lengths, crcs }: DeflatedBatch): void {
    this.#append(data, this.#end);
    for (let i = 0; i < lengths.length; i++) {
      this.#entries.push({ id: ids[i]!, offset: this.#end, crc: crcs[i]! });
      this.#end += lengths[i]!;
    }
  }

  /**
   * SHA-1 of the whole pack. Its header holds the number of objects, which is known only now, so the file
   * is read again. For a pack of one large blob the hash was computed while writing.
   */
  async #checksum(): Promise<Buffer> {
    if (this.#single !== undefined) return this.#single.digest();
    const hash = createHash('sha1');
    const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK, this.#end));
    for (let at = 0; at < this.#end; ) {
      const length = Math.min(chunk.length, this.#end - at);
      // One chunk was just written: reading it takes no longer than asking a thread.
      const got =
        this.#end <= READ_CHUNK
          ? readFullySync(this.#fd, chunk, length, at)
          : await readFully(this.#fd, chunk, length, at);
      if (got < length) {
        throw new GitStoreError(`${this.#file} was cut short by another program`);
      }
      hash.update(chunk.subarray(0, length));
      at += length;
    }
    return hash.digest();
  }

  async #deflateStream(
    source: AsyncIterable<Uint8Array>,
    size: number,
    put: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const chunks = source[Symbol.asyncIterator]();
    const first = await chunks.next();
    const head = first.done ? new Uint8Array(0) : first.value;
    const rest = {
      async *[Symbol.asyncIterator]() {
        yield head;
        yield* { [Symbol.asyncIterator]: () => chunks };
      },
    };
    if (this.#options.level === 0 || isDense(head, quickLength, TELLING)) {
      const stored = new StoredDeflate(size);
      for (const part of stored.start()) put(part);
      for await (const chunk of rest) for (const part of stored.push(chunk)) put(part);
      for (const part of stored.end()) put(part);
      return;
    }
    const quick = this.#options.level === QUICK_LEVEL ? newQuickDeflate() : null;
    if (quick !== null) {
      let isFirst = true;
      for await (const chunk of rest) {
        for (const piece of quick.more(chunk, isFirst, false)) put(piece);
        isFirst = false;
      }
      for (const piece of quick.more(new Uint8Array(0), isFirst, true)) put(piece);
      return;
    }
    await deflateStream(rest, this.#options.level, put);
  }
}

function quickLength(sample: Uint8Array): number {
  return deflateSync(sample, { level: QUICK_LEVEL }).length;
}

/** Passes chunks on, hashes them, and verifies their total size. */
async function* counted(
  source: AsyncIterable<Uint8Array>,
  size: number,
  hash: Hash,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > size) break;
    hash.update(chunk);
    yield chunk;
  }
  if (total !== size) throw sizeMismatch(size);
}

export function sizeMismatch(size: number): GitStoreError {
  return new GitStoreError(`The data is not the ${size} bytes long that were announced`, 'ESIZE');
}
