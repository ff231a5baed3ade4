/** An ObjectStore in memory. */
import { CorruptObjectError, GitStoreError } from '../../errors.ts';
import { EMPTY_TREE_ID, hashObject, type ObjectId, type ObjectType } from '../../git/objectId.ts';
import type { IdSet } from '../../git/objectSet.ts';
import { PackStream } from '../../git/packs/packStream.ts';
import { Pace } from '../pace.ts';
import { Incoming } from '../packs/import/incoming.ts';
import { PackImporter } from '../packs/import/packImporter.ts';
import { MemorySpool } from '../packs/import/spool.ts';
import { putObject } from '../putObject.ts';
import type {
  ByteRange,
  ExportPackOptions,
  GitObject,
  ImportedPack,
  ImportOptions,
  ObjectHeader,
  ObjectStore,
  ObjectWriter,
  ReadAhead,
} from '../storage.ts';

const CHUNK_SIZE = 1024 * 1024;
/** zlib level of exported packs: objects in memory are not deflated. */
const PACK_LEVEL = 1;

export class MemoryObjects implements ObjectStore {
  readonly #objects = new Map<ObjectId, GitObject>([
    [EMPTY_TREE_ID, { type: 'tree', body: Buffer.alloc(0) }],
  ]);

  async header(id: ObjectId): Promise<ObjectHeader | undefined> {
    const object = this.#objects.get(id);
    return object === undefined ? undefined : { type: object.type, size: object.body.length };
  }

  async read(id: ObjectId): Promise<GitObject | undefined> {
    const object = this.#objects.get(id);
    if (object !== undefined) verify(id, object);
    return object;
  }

  async readStream(
    id: ObjectId,
    range?: ByteRange,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const object = this.#objects.get(id);
    if (object === undefined) return undefined;
    if (range === undefined) return chunks(object.body, () => verify(id, object));
    const offset = range.offset ?? 0;
    const end = range.size === undefined ? undefined : offset + range.size;
    return chunks(object.body.subarray(offset, end));
  }

  async *readMany(
    groups: AsyncIterable<readonly ObjectId[]>,
  ): AsyncGenerator<(ReadAhead | undefined)[]> {
    for await (const ids of groups) {
      yield ids.map((id) => {
        const object = this.#objects.get(id);
        if (object === undefined) return undefined;
        verify(id, object);
        const { type, body } = object;
        return { type, size: body.length, body };
      });
    }
  }

  async has(id: ObjectId): Promise<boolean> {
    return this.#objects.has(id);
  }

  async resolve(prefix: string, limit = 2): Promise<ObjectId[]> {
    const found = [...this.#objects.keys()].filter((id) => id.startsWith(prefix));
    return found.sort().slice(0, limit);
  }

  tryRead(id: ObjectId): GitObject | undefined {
    return this.#objects.get(id);
  }

  async *exportPack(
    objects: IdSet,
    { signal, onProgress }: ExportPackOptions = {},
  ): AsyncGenerator<Uint8Array> {
    for (const id of objects) {
      if (!this.#objects.has(id)) {
        throw new CorruptObjectError(`object ${id} is missing`, { objectId: id });
      }
    }
    const pack = new PackStream(objects.count);
    const pace = new Pace(signal);
    for (let position = 0; position < objects.count; position++) {
      yield* putObject(this, objects.idAt(position), pack, PACK_LEVEL);
      if (pace.due()) {
        onProgress?.(position + 1);
        await pace.pause();
      }
    }
    onProgress?.(objects.count);
    yield* pack.end();
  }

  /** Number of objects and total bytes. */
  measure(): { objects: number; bytes: number } {
    let bytes = 0;
    for (const { body } of this.#objects.values()) bytes += body.length;
    return { objects: this.#objects.size, bytes };
  }

  ids(): ObjectId[] {
    return [...this.#objects.keys()];
  }

  /** Drops objects that are not in `needed`, and returns their number. */
  keepOnly(needed: ReadonlySet<ObjectId>): number {
    const before = this.#objects.size;
    for (const id of this.#objects.keys()) {
      if (!needed.has(id) && id !== EMPTY_TREE_ID) this.#objects.delete(id);
    }
    return before - this.#objects.size;
  }

  writer(): ObjectWriter {
    return new MemoryWriter((written) => {
      for (const [id, object] of written) {
        if (!this.#objects.has(id)) this.#objects.set(id, object);
      }
    });
  }

  async importPack(
    source: AsyncIterable<Uint8Array>,
    options: ImportOptions = {},
  ): Promise<ImportedPack> {
    const pack = new PackImporter(source, new MemorySpool(), (id) => this.read(id), options);
    await pack.run();
    await options.check?.(new Incoming(pack, this));
    const objects = new Map<ObjectId, GitObject>();
    for (let entry = 0; entry < pack.count; entry++) {
      const id = pack.links.ids.idAt(pack.entries.positions[entry]!);
      objects.set(id, await pack.object(entry));
    }
    options.signal?.throwIfAborted();
    for (const [id, object] of objects) {
      if (!this.#objects.has(id)) this.#objects.set(id, object);
    }
    return { count: pack.count, bytes: pack.size };
  }
}

class MemoryWriter implements ObjectWriter {
  /** Undefined when the session is over. */
  #written: Map<ObjectId, GitObject> | undefined = new Map();
  readonly #keep: (written: ReadonlyMap<ObjectId, GitObject>) => void;

  constructor(keep: (written: ReadonlyMap<ObjectId, GitObject>) => void) {
    this.#keep = keep;
  }

  async write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    const written = this.#open();
    const id = hashObject(type, body);
    written.set(id, { type, body: Buffer.from(body) });
    return id;
  }

  async writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId> {
    this.#open();
    const parts: Uint8Array[] = [];
    for await (const part of source) parts.push(Buffer.from(part));
    const body = Buffer.concat(parts);
    if (size !== undefined && body.length !== size) {
      throw new GitStoreError(`Stream holds ${body.length} bytes instead of ${size}`);
    }
    return this.write('blob', body);
  }

  async finish(): Promise<void> {
    const written = this.#open();
    this.#written = undefined;
    this.#keep(written);
  }

  async abort(): Promise<void> {
    this.#written = undefined;
  }

  #open(): Map<ObjectId, GitObject> {
    if (this.#written === undefined) throw new GitStoreError('Object writer is finished');
    return this.#written;
  }
}

function verify(id: ObjectId, { type, body }: GitObject): void {
  if (hashObject(type, body) !== id) {
    throw new CorruptObjectError(`Object ${id} is corrupt`, { objectId: id });
  }
}

/** The bytes in pieces; `check` runs before the last of them. */
async function* chunks(body: Uint8Array, check = () => {}): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (; at + CHUNK_SIZE < body.length; at += CHUNK_SIZE) {
    yield body.subarray(at, at + CHUNK_SIZE);
  }
  check();
  if (at < body.length) yield body.subarray(at);
}
