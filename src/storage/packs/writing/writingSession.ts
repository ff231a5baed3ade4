/**
 * One writing session on a storage that keeps packs. Small objects wait in memory. When they are many or large
 * they go into one pack, and so do later ones. The storage stores the objects that still wait at the end.
 */
import { BatchClosedError } from '../../../errors.ts';
import { hashObject, type ObjectId, type ObjectType } from '../../../git/objectId.ts';
import { FileSpool } from './fileSpool.ts';
import { type PackWriter, sizeMismatch } from './packWriter.ts';

/** Most objects that wait in memory. */
export const MAX_WAITING = 100;
/** Read streams of at most this many bytes into memory as whole objects. */
const SMALL_STREAM = 1 << 20;
const READ_CHUNK = 1 << 20;

export interface NewObject {
  readonly id: ObjectId;
  readonly type: ObjectType;
  readonly body: Uint8Array;
}

/** The storage, as a session sees it. */
export interface SessionStorage {
  /** Most bytes of bodies that wait in memory. */
  readonly maxWaitingBytes: number;
  /** Whether the session has to store the object. Called once for each. */
  wants(id: ObjectId, type: ObjectType): boolean;
  /** Begins the session's pack. */
  openPack(): PackWriter;
  /** The waiting objects that have to go into the pack. Default: all. */
  stillWanted?(waiting: readonly NewObject[]): Promise<readonly NewObject[]>;
  /** Calls `use` with a function that gives the directory for temporary files. */
  inFolder<T>(use: (folder: () => string) => Promise<T>): Promise<T>;
}

export class WritingSession {
  readonly #storage: SessionStorage;
  readonly #known = new Set<ObjectId>();
  #waiting: NewObject[] = [];
  #waitingBytes = 0;
  #pack: PackWriter | undefined;
  #spilled = false;
  #over = false;
  /** Queue of users of the pack: a stream needs it exclusively. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(storage: SessionStorage) {
    this.#storage = storage;
  }

  get hasIdleThreads(): boolean {
    return this.#pack?.hasIdleThreads ?? true;
  }

  /** All objects that were written, stored before or not. */
  get known(): ReadonlySet<ObjectId> {
    return this.#known;
  }

  /** The objects that are in no pack. */
  get waiting(): readonly NewObject[] {
    return this.#waiting;
  }

  /** Whether waiting objects have gone into the pack. */
  get isSpilled(): boolean {
    return this.#spilled;
  }

  async write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    this.#checkOpen();
    const id = hashObject(type, body);
    if (this.#known.has(id)) return id;
    const isWanted = this.#storage.wants(id, type);
    this.#known.add(id);
    if (!isWanted) return id;
    if (this.#spilled) {
      await this.#inLine(() => this.#packWriter().add(id, type, body));
      return id;
    }
    this.#waiting.push({ id, type, body });
    this.#waitingBytes += body.length;
    const { maxWaitingBytes } = this.#storage;
    if (this.#waiting.length > MAX_WAITING || this.#waitingBytes > maxWaitingBytes) {
      await this.#inLine(() => this.spill());
    }
    return id;
  }

  async writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId> {
    this.#checkOpen();
    if (size === undefined) return this.#spool(source);
    if (size <= SMALL_STREAM) return this.write('blob', await gathered(source, size));
    return this.#inLine(() =>
      this.#packWriter().addStream(source, size, (id) => {
        if (this.#known.has(id)) return false;
        const isWanted = this.#storage.wants(id, 'blob');
        this.#known.add(id);
        return isWanted;
      }),
    );
  }

  /** Refuses new calls, and waits for running ones. */
  async close(): Promise<void> {
    this.#checkOpen();
    this.#over = true;
    await this.#line;
  }

  /** Moves the waiting objects into the pack. */
  async spill(): Promise<void> {
    if (this.#spilled) return;
    // If no pack can be created, they stay queued.
    const pack = this.#packWriter();
    const wanted = await this.#takeWaiting();
    for (const { id, type, body } of wanted) await pack.add(id, type, body);
  }

  /** The waiting objects that have to go into the pack. If the storage fails, all wait again. */
  async #takeWaiting(): Promise<readonly NewObject[]> {
    const waiting = this.#waiting;
    this.#spilled = true;
    this.#waiting = [];
    try {
      return (await this.#storage.stillWanted?.(waiting)) ?? waiting;
    } catch (error) {
      this.#spilled = false;
      this.#waiting = waiting;
      throw error;
    }
  }

  /** Whether a pack has been begun. */
  get hasPack(): boolean {
    return this.#pack !== undefined;
  }

  /** Puts the pack in place. Returns its name; undefined if there is none, or it is empty. */
  async finishPack(): Promise<string | undefined> {
    return this.#pack?.finish();
  }

  /** Removes an unfinished pack. */
  abortPack(): void {
    this.#pack?.abort();
  }

  /** Ends the session without a result. False when it is over already. */
  async abort(): Promise<boolean> {
    if (this.#over) return false;
    this.#over = true;
    await this.#line.catch(() => {});
    this.abortPack();
    return true;
  }

  /** Releases all memory. */
  drop(): void {
    this.#pack = undefined;
    this.#waiting = [];
    this.#known.clear();
  }

  #checkOpen(): void {
    if (this.#over) throw new BatchClosedError('This writing session is over');
  }

  /** Runs steps that use the pack one by one. A failed step does not stop the next. */
  #inLine<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#line.then(step);
    this.#line = result.catch(() => {});
    return result;
  }

  #packWriter(): PackWriter {
    this.#pack ??= this.#storage.openPack();
    return this.#pack;
  }

  /** Spools a stream of unknown size, because an id covers the size first. */
  #spool(source: AsyncIterable<Uint8Array>): Promise<ObjectId> {
    return this.#storage.inFolder(async (folder) => {
      const spool = new FileSpool(folder);
      try {
        let size = 0;
        for await (const chunk of source) {
          spool.append(chunk);
          size += chunk.length;
        }
        if (size <= SMALL_STREAM) return await this.write('blob', await spool.readLarge(0, size));
        return await this.writeStream(readSpool(spool, size), size);
      } finally {
        spool.discard();
      }
    });
  }
}

async function* readSpool(spool: FileSpool, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += READ_CHUNK) {
    yield await spool.readLarge(at, Math.min(READ_CHUNK, size - at));
  }
}

async function gathered(source: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > size) break;
    // Copy: the source may reuse its buffer.
    chunks.push(Uint8Array.from(chunk));
  }
  if (total !== size) throw sizeMismatch(size);
  return Buffer.concat(chunks, size);
}
