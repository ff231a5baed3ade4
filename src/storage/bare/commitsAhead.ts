/**
 * Commits of a long walk through a pack, read ahead of it on another thread. Writers of packs lay
 * commits in the order of such walks, so the thread inflates and hashes what follows in the pack, and
 * the walk takes what it comes to. Only speed hangs on that order: a commit is taken by its id, which
 * the thread has made of its bytes, and one that is not there is read as any other.
 *
 * Both sides share memory: *slots* full of *records*, a commit each. A slot is the thread's until it is
 * filled, then the walk's until all of its records are passed.
 */
import { availableParallelism } from 'node:os';
import type { ObjectId } from '../../git/objectId.ts';
import { type InflateAt, keptInflater } from './keptInflater.ts';
import type { PackFile } from './packFile.ts';
import { WorkerPool } from './workerPool.ts';

/** The shared memory; the thread gets it with each request, as its code takes nothing from here. */
const LAYOUT = {
  /** In words of 32 bits: how many bytes each slot holds, 0: there is no more; or `unfilled`. */
  slots: 4,
  unfilled: -1,
  /** Then 1 when the thread has begun, -1 when it shall not any more; and 1 when it shall stop. */
  begun: 4,
  stopped: 5,
  /** In words of 64 bits: where in the pack the walk is, as long as the thread has not begun. */
  place: 3,
  /** Where the first slot begins, and how long each is, in bytes. */
  start: 32,
  slotLength: 128 << 10,
  /** In a record: its place in the pack (64 bits), the commit's size (32), its id in hex, its body. */
  size: 8,
  id: 12,
  body: 52,
  /** Records begin at multiples of it. */
  step: 8,
} as const;

/** So many records are looked at for a commit before it is read otherwise. */
const LOOK = 32;
/** In ms. The thread is not waited for longer than it takes to fill a slot, and a little more. */
const PATIENCE = 5;
/** Where the thread was too slow so many times, there is no core to spare. */
const MOST_WAITS = 3;
/** After so many commits in a row that were not there, the walk has gone elsewhere. */
const MOST_MISSES = 2000;

interface Request {
  /** Tells one walk from another. */
  readonly walk: number;
  readonly shared: SharedArrayBuffer;
  /** Which one is to be filled. */
  readonly slot: number;
  readonly layout: typeof LAYOUT;
  /** The pack, and where its entries end. */
  readonly fd: number;
  readonly packEnd: number;
}

/** The thread of a store. It is started with the first long walk. */
export class AheadThread {
  readonly #pool = new WorkerPool<Request, object>(workerMain, 1, [keptInflater]);
  #walks = 0;
  /** Whether it cannot be of use, as there is no core for it. */
  isStarved = availableParallelism() < 2;

  /** Reads ahead of a walk that has come to the entry at `offset`; undefined when it cannot. */
  follow(pack: PackFile, offset: number): CommitsAhead | undefined {
    if (this.isStarved) return undefined;
    const entry = pack.whole(offset);
    return entry && new CommitsAhead(this, pack, entry.fd, entry.dataEnd, ++this.#walks);
  }

  run(request: Request): Promise<object> {
    return this.#pool.run(request, []);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** As `close`, when nothing that was asked for has been begun. */
  drop(): Promise<void> {
    return this.#pool.drop();
  }
}

/** What the thread has read for one walk. */
export class CommitsAhead {
  readonly pack: PackFile;
  /** Where the commit lies that was taken last, from `start` to `end`. */
  readonly bytes: Buffer;
  start = 0;
  end = 0;
  readonly #thread: AheadThread;
  readonly #request: Omit<Request, 'slot'>;
  readonly #words: Int32Array;
  readonly #places: Float64Array;
  readonly #release: () => void;
  #unanswered = 0;
  /** Of the next record: its slot, and where it begins in that. */
  #slot = 0;
  #at = 0;
  /** Whether the commit that was asked for last was there, so that the next one will be. */
  #inStep = false;
  #misses = 0;
  #waits = 0;
  #isOver = false;
  #isClosed = false;

  constructor(thread: AheadThread, pack: PackFile, fd: number, packEnd: number, walk: number) {
    const shared = new SharedArrayBuffer(LAYOUT.start + LAYOUT.slots * LAYOUT.slotLength);
    this.pack = pack;
    this.bytes = Buffer.from(shared);
    this.#thread = thread;
    this.#request = { walk, shared, layout: LAYOUT, fd, packEnd };
    this.#words = new Int32Array(shared);
    this.#places = new Float64Array(shared);
    this.#release = pack.retain();
    for (let slot = 0; slot < LAYOUT.slots; slot++) this.#ask(slot);
  }

  /** True when there is nothing more to be had from it: close it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Looks for the commit; when it is there, it lies in `bytes` until the next call.
   * @param place where the entry that the walk has last read by itself ends
   */
  take(id: ObjectId, place: number): boolean {
    if (!this.#inStep && !this.#catchUp(place)) return false;
    if (!this.#hasRecord()) {
      this.#inStep = false;
      return false;
    }
    const next = this.#at;
    const filled = this.#words[this.#slot]!;
    for (let i = 0; i < LOOK && this.#at < filled; i++) {
      const record = this.#record;
      this.start = record + LAYOUT.body;
      this.end = this.#pass(record);
      if (this.bytes.toString('latin1', record + LAYOUT.id, this.start) === id) {
        this.#inStep = true;
        this.#misses = 0;
        return true;
      }
    }
    this.#at = next;
    this.#inStep = false;
    return false;
  }

  /**
   * Does no more for the walk.
   * @returns false when the thread had not even begun
   */
  close(): boolean {
    this.#isOver = true;
    this.#isClosed = true;
    Atomics.store(this.#words, LAYOUT.stopped, 1);
    if (this.#unanswered === 0) this.#release();
    return Atomics.compareExchange(this.#words, LAYOUT.begun, 0, -1) > 0;
  }

  /** Passes what the walk has read by itself; true when the next record is what comes then. */
  #catchUp(place: number): boolean {
    if (Atomics.load(this.#words, LAYOUT.begun) === 0) {
      // Not in one piece on every machine: then the thread begins at a wrong place and finds nothing.
      if (place > this.#places[LAYOUT.place]!) this.#places[LAYOUT.place] = place;
      return false;
    }
    while (this.#hasRecord()) {
      const record = this.#record;
      const its = this.#places[record / 8]!;
      if (its === place) return true;
      if (its > place) {
        this.#isOver ||= ++this.#misses > MOST_MISSES;
        return false;
      }
      this.#pass(record);
    }
    return false;
  }

  /** Where the next record begins in the memory. */
  get #record(): number {
    return LAYOUT.start + this.#slot * LAYOUT.slotLength + this.#at;
  }

  /** Goes on behind a record; returns where its body ends. */
  #pass(record: number): number {
    const length = LAYOUT.body + this.#words[(record + LAYOUT.size) / 4]!;
    this.#at += Math.ceil(length / LAYOUT.step) * LAYOUT.step;
    return record + length;
  }

  /** Whether there is a next record. In step, the thread is waited for. */
  #hasRecord(): boolean {
    const words = this.#words;
    for (;;) {
      let filled = Atomics.load(words, this.#slot);
      if (filled === LAYOUT.unfilled && this.#inStep) {
        Atomics.wait(words, this.#slot, LAYOUT.unfilled, PATIENCE);
        filled = Atomics.load(words, this.#slot);
        if (filled === LAYOUT.unfilled && ++this.#waits === MOST_WAITS) this.#starve();
      }
      if (filled === LAYOUT.unfilled || this.#isOver) return false;
      if (this.#at < filled) return true;
      if (filled === 0) {
        this.#isOver = true;
        return false;
      }
      this.#ask(this.#slot);
      this.#slot = (this.#slot + 1) % LAYOUT.slots;
      this.#at = 0;
    }
  }

  #ask(slot: number): void {
    Atomics.store(this.#words, slot, LAYOUT.unfilled);
    this.#unanswered++;
    const answered = () => {
      if (--this.#unanswered === 0 && this.#isClosed) this.#release();
    };
    this.#thread.run({ ...this.#request, slot }).then(answered, () => {
      this.#starve();
      answered();
    });
  }

  #starve(): void {
    this.#isOver = true;
    this.#thread.isStarved = true;
  }
}

function workerMain(create: typeof keptInflater): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { readSync } = process.getBuiltinModule('node:fs');
  const { hash } = process.getBuiltinModule('node:crypto');
  let inflate: InflateAt | undefined;

  const COMMIT = 1;
  const TAG = 4;
  const OFS_DELTA = 6;
  const REF_DELTA = 7;
  /** Larger ones are left to the walk. */
  const LARGEST = 16 << 10;
  /** As much as the header, the base and the stream of such an entry take. */
  const LONGEST_ENTRY = LARGEST + 1024;
  /** So many others in a row and still no commit: there are no more. */
  const MOST_OTHERS = 64;
  /** Room for Git's header before a body. */
  const BODY = 32;
  /** zlib is quicker with some room behind. */
  const ROOM = 320;

  const out = Buffer.allocUnsafeSlow(BODY + LARGEST + ROOM);
  const window = Buffer.allocUnsafeSlow(256 << 10);
  let windowAt = 0;
  let held = window.subarray(0, 0);
  let current = 0;
  /** Where the next entry of the current walk is. */
  let place = 0;

  /** Makes `held` hold the entry at `place`; returns where it begins there. */
  function hold(fd: number, packEnd: number): number {
    const at = place - windowAt;
    const wanted = Math.min(LONGEST_ENTRY, packEnd - place);
    if (at >= 0 && at + wanted <= held.length) return at;
    const length = Math.max(0, Math.min(window.length, packEnd - place));
    windowAt = place;
    held = window.subarray(0, length === 0 ? 0 : readSync(fd, window, 0, length, place));
    return 0;
  }

  /** Fills a slot of the shared memory; returns how many bytes it holds then. */
  function fill({ shared, slot, layout, fd, packEnd }: Request): number {
    const words = new Int32Array(shared);
    const places = new Float64Array(shared);
    const bytes = Buffer.from(shared);
    const start = layout.start + slot * layout.slotLength;
    const end = start + layout.slotLength;
    let record = start;
    for (let others = 0; others < MOST_OTHERS; ) {
      if (Atomics.load(words, layout.stopped) === 1) break;
      let at = hold(fd, packEnd);
      let byte = held[at++]!;
      const type = (byte >> 4) & 7;
      let size = byte & 15;
      for (let shift = 4; byte & 0x80 && shift < 18; shift += 7) {
        byte = held[at++]!;
        size |= (byte & 0x7f) << shift;
      }
      if (byte & 0x80 || size > LARGEST) break;
      if (type === OFS_DELTA) while (held[at++]! & 0x80);
      else if (type === REF_DELTA) at += 20;
      else if (type !== COMMIT && type !== TAG) break;
      const next = record + Math.ceil((layout.body + size) / layout.step) * layout.step;
      if (type === COMMIT && next > end) break;
      if (at >= held.length) break;
      const consumed = inflate!(held, at, out, BODY, size, size + ROOM);
      if (consumed < 0) break;
      if (type === COMMIT) {
        const header = `commit ${size}\0`;
        const from = BODY - header.length;
        out.write(header, from, 'latin1');
        places[record / 8] = place;
        words[(record + layout.size) / 4] = size;
        const id = hash('sha1', out.subarray(from, BODY + size), 'hex');
        bytes.write(id, record + layout.id, 'latin1');
        bytes.set(out.subarray(BODY, BODY + size), record + layout.body);
        record = next;
        others = 0;
      } else {
        others++;
      }
      place = windowAt + at + consumed;
    }
    return record - start;
  }

  parentPort?.on('message', (request: Request) => {
    const { walk, shared, slot, layout } = request;
    const words = new Int32Array(shared);
    let filled = 0;
    try {
      if (walk !== current && Atomics.compareExchange(words, layout.begun, 0, 1) === 0) {
        // Not before: who has not begun may be stopped at any time.
        inflate ??= create(process.getBuiltinModule('node:zlib'));
        current = walk;
        held = window.subarray(0, 0);
        place = new Float64Array(shared)[layout.place]!;
      }
      if (walk === current) filled = fill(request);
    } catch {
      // The walk reads it by itself, and says what is wrong.
    }
    Atomics.store(words, slot, filled);
    Atomics.notify(words, slot);
    parentPort.postMessage({});
  });
}
