/** The store as it will be with a received pack that is not visible yet. */
import type { ObjectId, ObjectType } from '../../../git/objectId.ts';
import type { GitObject, IncomingPack, ObjectHeader, ObjectReader } from '../../storage.ts';
import type { PackImporter } from './packImporter.ts';

export class Incoming implements IncomingPack {
  readonly #pack: PackImporter;
  readonly #store: ObjectReader;

  constructor(pack: PackImporter, store: ObjectReader) {
    this.#pack = pack;
    this.#store = store;
  }

  get count(): number {
    return this.#pack.count;
  }

  get objects(): ObjectReader {
    return this;
  }

  holds(id: ObjectId): boolean {
    return this.#pack.links.entryOf(id) !== -1;
  }

  outside(): Generator<{ readonly id: ObjectId; readonly type: ObjectType }> {
    return this.#pack.links.outside((entry) => this.#pack.entries.typeOf(entry));
  }

  async header(id: ObjectId): Promise<ObjectHeader | undefined> {
    const entry = this.#pack.links.entryOf(id);
    if (entry === -1) return this.#store.header(id);
    return { type: this.#pack.entries.typeOf(entry), size: this.#pack.entries.sizes[entry]! };
  }

  async read(id: ObjectId): Promise<GitObject | undefined> {
    const entry = this.#pack.links.entryOf(id);
    return entry === -1 ? this.#store.read(id) : this.#pack.object(entry);
  }

  tryRead(id: ObjectId): GitObject | undefined {
    const entry = this.#pack.links.entryOf(id);
    return entry === -1 ? this.#store.tryRead(id) : this.#pack.objectNow(entry);
  }

  async has(id: ObjectId): Promise<boolean> {
    return this.holds(id) || this.#store.has(id);
  }
}
