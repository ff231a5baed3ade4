/**
 * Temporary objects in memory, layered over those of the store: for dry runs, and for a base that is merged
 * from several common ancestors.
 */
import { hashObject, type ObjectId, type ObjectType } from '../git/objectId.ts';
import type {
  GitObject,
  ObjectHeader,
  ObjectReader,
  ObjectWriter,
  TryReadOptions,
} from '../storage/storage.ts';
import { type AnyTreeReader, TreeReader } from '../tree/reader.ts';

export class Scratch implements ObjectReader {
  readonly trees: AnyTreeReader;
  readonly #store: ObjectReader;
  readonly #made = new Map<ObjectId, GitObject>();

  constructor(store: ObjectReader) {
    this.#store = store;
    this.trees = new TreeReader(this);
  }

  /** A writer whose objects are readable here immediately. */
  writer(): ObjectWriter {
    return {
      write: async (type: ObjectType, body: Uint8Array) => {
        const id = hashObject(type, body);
        this.#made.set(id, { type, body });
        return id;
      },
      writeStream: async () => {
        throw new TypeError('A merge writes no streams');
      },
      finish: async () => {},
      abort: async () => {},
    };
  }

  get promisor(): ObjectReader['promisor'] {
    return this.#store.promisor;
  }

  async header(id: ObjectId): Promise<ObjectHeader | undefined> {
    const made = this.#made.get(id);
    return made ? { type: made.type, size: made.body.length } : this.#store.header(id);
  }

  async read(id: ObjectId): Promise<GitObject | undefined> {
    return this.#made.get(id) ?? this.#store.read(id);
  }

  tryRead(id: ObjectId, options?: TryReadOptions): GitObject | undefined {
    return this.#made.get(id) ?? this.#store.tryRead(id, options);
  }

  async has(id: ObjectId): Promise<boolean> {
    return this.#made.has(id) || this.#store.has(id);
  }
}
