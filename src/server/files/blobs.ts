/**
 * Blobs as a server wants them: facts without reading, small bodies from memory, large ones as
 * streams, and small bodies compressed once. Everything is kept by object id, so nothing kept is ever
 * out of date; all of it is bounded by bytes.
 */

import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from 'node:zlib';
import { ByteCache } from '../../byteCache.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { missingObject } from '../../storage/missingObject.ts';
import type { ObjectStore } from '../../storage/storage.ts';
import type { Slice } from './conditions.ts';
import { SAMPLE_SIZE, type TextFacts, textFacts } from './contentTypes.ts';
import type { Coding } from './negotiation.ts';

/** Bodies up to this size are held in memory, larger ones are streamed. */
export const SMALL_BLOB = 1 << 20;
/** Shorter bodies do not get shorter enough. */
export const LEAST_TO_COMPRESS = 1024;

const BODIES_BYTES = 96 << 20;
const COMPRESSED_BYTES = 32 << 20;
const FACTS_BYTES = 16 << 20;
/** What a map entry takes by itself. */
const OVERHEAD = 300;

/** Text up to this size is read whole to learn whether it is UTF-8, once. Bytes. */
const LARGEST_CHECKED = 16 << 20;

export interface BlobFacts {
  readonly id: ObjectId;
  /** In bytes. */
  readonly size: number;
  /** `undefined` until its beginning has been read. */
  text: TextFacts | undefined;
  /** Whether all of it is UTF-8; `undefined` until that is asked for. */
  isUtf8: boolean | undefined;
}

const compressors: Readonly<
  Record<Exclude<Coding, 'identity'>, (body: Uint8Array) => Promise<Buffer>>
> = {
  gzip: promisify<Uint8Array, Buffer>((body, done) => gzip(body, { level: 6 }, done)),
  br: promisify<Uint8Array, Buffer>((body, done) =>
    brotliCompress(
      body,
      {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: 5,
          [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
        },
      },
      done,
    ),
  ),
};

export class Blobs {
  readonly #objects: ObjectStore;
  readonly #facts = new ByteCache<BlobFacts>(FACTS_BYTES, () => OVERHEAD);
  readonly #bodies = new ByteCache<Uint8Array>(BODIES_BYTES, (body) => body.length + OVERHEAD);
  readonly #compressed = new ByteCache<Uint8Array>(
    COMPRESSED_BYTES,
    (body) => body.length + OVERHEAD,
  );
  readonly #running = new Map<string, Promise<Uint8Array>>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Size and kind without reading it; undefined when the store has no blob of this id. */
  async find(id: ObjectId): Promise<BlobFacts | undefined> {
    const known = this.#facts.get(id);
    if (known !== undefined) return known;
    const header = await this.#objects.header(id);
    if (header?.type !== 'blob') return undefined;
    const facts: BlobFacts = { id, size: header.size, text: undefined, isUtf8: undefined };
    this.#facts.set(id, facts);
    return facts;
  }

  /** As `find`, for a blob that a tree names. @throws CorruptObjectError when it is not there */
  async facts(id: ObjectId): Promise<BlobFacts> {
    return (await this.find(id)) ?? this.#missing(id);
  }

  /** What its beginning tells of its text. */
  async text(facts: BlobFacts): Promise<TextFacts> {
    if (facts.text === undefined) {
      const sample = await this.read(facts, { start: 0, end: Math.min(SAMPLE_SIZE, facts.size) });
      facts.text = textFacts(sample, facts.size > sample.length);
    }
    return facts.text;
  }

  /**
   * Whether all of it is UTF-8. A beginning tells only where it is not. Of what is too large to be read
   * for that nothing is claimed.
   */
  async isUtf8(facts: BlobFacts): Promise<boolean> {
    if (facts.isUtf8 === undefined) {
      const { isUtf8: mayBe } = await this.text(facts);
      facts.isUtf8 =
        mayBe &&
        (facts.size <= SAMPLE_SIZE ||
          (facts.size <= LARGEST_CHECKED &&
            isUtf8(await this.read(facts, { start: 0, end: facts.size }))));
    }
    return facts.isUtf8;
  }

  /** The body of a small blob when it is in memory. */
  cached(id: ObjectId): Uint8Array | undefined {
    return this.#bodies.get(id);
  }

  /** The body of a blob of at most `SMALL_BLOB` bytes. Shared: never write to it. */
  async body(id: ObjectId): Promise<Uint8Array> {
    return this.#bodies.get(id) ?? (await this.#once(id, () => this.#readBody(id)));
  }

  /** A few bytes of a blob of any size. */
  async read(facts: BlobFacts, slice: Slice): Promise<Uint8Array> {
    if (facts.size <= SMALL_BLOB)
      return (await this.body(facts.id)).subarray(slice.start, slice.end);
    const parts: Uint8Array[] = [];
    for await (const chunk of await this.stream(facts.id, slice)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  /** A blob, or a part of it, chunk by chunk. @throws CorruptObjectError */
  async stream(id: ObjectId, slice?: Slice): Promise<AsyncIterable<Uint8Array>> {
    const range = slice && { offset: slice.start, size: slice.end - slice.start };
    return (await this.#objects.readStream(id, range)) ?? this.#missing(id);
  }

  /** A small body compressed; undefined when that does not make it shorter. */
  async compressed(
    id: ObjectId,
    coding: Exclude<Coding, 'identity'>,
  ): Promise<Uint8Array | undefined> {
    const key = `${id}.${coding}`;
    const found =
      this.#compressed.get(key) ??
      (await this.#once(key, async () => {
        const body = await this.body(id);
        const shorter = await compressors[coding](body);
        const kept = shorter.length < body.length ? shorter : new Uint8Array(0);
        this.#compressed.set(key, kept);
        return kept;
      }));
    return found.length === 0 ? undefined : found;
  }

  async #readBody(id: ObjectId): Promise<Uint8Array> {
    const object = await this.#objects.read(id);
    if (object?.type !== 'blob') return this.#missing(id);
    // A copy of its own: a body may be a part of a larger buffer.
    const body =
      object.body.buffer.byteLength > 2 * object.body.length
        ? new Uint8Array(object.body)
        : object.body;
    this.#bodies.set(id, body);
    return body;
  }

  /** Callers that want the same thing at the same time share the work. */
  #once(key: string, work: () => Promise<Uint8Array>): Promise<Uint8Array> {
    let running = this.#running.get(key);
    if (running === undefined) {
      running = work().finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  #missing(id: ObjectId): never {
    throw missingObject(this.#objects, id, 'Blob');
  }
}

/** Pages up to this size are compressed at once: the thread pool may be busy with large files. */
const SMALL_PAGE = 96 << 10;

/** A page that is made for one answer, compressed. */
export async function compressPage(
  page: Uint8Array,
  coding: Exclude<Coding, 'identity'>,
): Promise<Buffer> {
  if (page.length > SMALL_PAGE) return compressors[coding](page);
  return coding === 'gzip'
    ? gzipSync(page, { level: 4 })
    : brotliCompressSync(page, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } });
}
