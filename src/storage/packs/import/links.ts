/**
 * The ids of an incoming pack: those of its objects, and those that its objects refer to. A referenced
 * object outside the pack must already be in the store.
 */
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId, ObjectType } from '../../../git/objectId.ts';
import { IdSet } from '../../../git/objectSet.ts';
import {
  CommitLinks,
  eachNewTreeLink,
  eachTreeLink,
  type LinkKind,
  readCommitLinks,
  readTagLink,
} from '../../../git/objects/links.ts';
import { TYPE_CODES } from './entries.ts';

const TYPES = Object.keys(TYPE_CODES) as ObjectType[];
const FIRST_CAPACITY = 1024;

export class PackLinks {
  readonly ids = new IdSet();
  /** The object's entry by position of its id; -1 for none. */
  #entries = new Int32Array(FIRST_CAPACITY).fill(-1);
  /** By position: a bit for each type that the references to it expect. */
  #pointed = new Uint8Array(FIRST_CAPACITY);
  readonly #commit = new CommitLinks();
  readonly #tagged = Buffer.alloc(20);

  /** The position of an id. Adds a new one. */
  positionOf(id: ObjectId): number {
    return this.#at(this.ids.add(id));
  }

  /** As `positionOf`, for the 20 bytes at `at`. */
  positionOfBytes(bytes: Uint8Array, at: number): number {
    return this.#at(this.ids.addBytes(bytes, at));
  }

  #at(position: number): number {
    if (position === this.#entries.length) {
      const entries = new Int32Array(position * 2).fill(-1);
      entries.set(this.#entries);
      this.#entries = entries;
      const pointed = new Uint8Array(position * 2);
      pointed.set(this.#pointed);
      this.#pointed = pointed;
    }
    return position;
  }

  /** The entry of the object with this id, or -1. */
  entryAt(position: number): number {
    return this.#entries[position]!;
  }

  entryOf(id: ObjectId): number {
    const position = this.ids.positionOf(id);
    return position === -1 ? -1 : this.#entries[position]!;
  }

  setEntry(position: number, entry: number): void {
    this.#entries[position] = entry;
  }

  /**
   * Records the references of an object.
   * @param base an object of the same type that was scanned before: of a tree only the differences are
   *   scanned
   * @throws CorruptObjectError when the object is malformed
   */
  scan(type: ObjectType, body: Uint8Array, base?: Uint8Array): void {
    if (type === 'tree') {
      const point = (kind: LinkKind, _nameStart: number, nameEnd: number): void => {
        // The commits of submodules are in other repositories.
        if (kind !== 'commit') this.#point(body, nameEnd + 1, kind);
      };
      if (base === undefined) eachTreeLink(body, point);
      else eachNewTreeLink(body, base, point);
    } else if (type === 'commit') {
      const links = this.#commit;
      readCommitLinks(body, links);
      this.#point(links.tree, 0, 'tree');
      for (let i = 0; i < links.parentCount; i++) this.#point(links.parents, i * 20, 'commit');
    } else if (type === 'tag') {
      const tagged = readTagLink(body, this.#tagged);
      this.#point(this.#tagged, 0, tagged);
    }
  }

  /**
   * The referenced objects that are not in the pack.
   * @throws CorruptObjectError when a reference names an object of another type
   */
  *outside(
    typeOf: (entry: number) => ObjectType,
  ): Generator<{ readonly id: ObjectId; readonly type: ObjectType }> {
    for (let position = 0; position < this.ids.count; position++) {
      const pointed = this.#pointed[position]!;
      if (pointed === 0) continue;
      const entry = this.#entries[position]!;
      const type = entry === -1 ? typeFrom(pointed) : typeOf(entry);
      if (type === undefined || pointed !== 1 << TYPE_CODES[type]) {
        const id = this.ids.idAt(position);
        throw new CorruptObjectError(`object ${id} is not of the type that others say`, {
          objectId: id,
        });
      }
      if (entry === -1) yield { id: this.ids.idAt(position), type };
    }
  }

  #point(bytes: Uint8Array, at: number, type: ObjectType): void {
    this.#pointed[this.positionOfBytes(bytes, at)]! |= 1 << TYPE_CODES[type];
  }
}

function typeFrom(pointed: number): ObjectType | undefined {
  return TYPES.find((type) => pointed === 1 << TYPE_CODES[type]);
}
