/**
 * Commits in packs, with little more work than inflating and hashing them: the body is inflated into
 * one buffer that is used again and again, behind the header that Git hashes with it.
 *
 * Writers of packs lay commits in the order of a walk through history, so that the one asked for next
 * mostly begins where the last one ended, or behind a few of a side branch. As its id proves it, it
 * need not be looked up.
 */
import { hash } from 'node:crypto';
import { firstSha1 } from '../../git/firstCodecs.ts';
import { type ObjectId, objectHeader } from '../../git/objectId.ts';
import { PackType } from '../../git/pack.ts';
import { AheadThread, type CommitsAhead } from './commitsAhead.ts';
import type { PackedObject } from './packDirectory.ts';
import type { PackFile } from './packFile.ts';

/** Room for `commit <size>\0`. */
const BODY_AT = 32;
const buffer = Buffer.allocUnsafeSlow(BODY_AT + (16 << 10));
const body = buffer.subarray(BODY_AT);

/** So many commits that lie next are looked at before the one wanted is looked up. */
const MOST_TRIES = 3;
/** In bytes: a few commits. */
const NEAR = 1 << 10;

/** A walk that has read so many commits of a pack, one not far behind the other, is a long one. */
const LONG_WALK = 1000;
/** In bytes. */
const NOT_FAR = 64 << 10;

/** The body of a commit lies in `bytes` from `start` to `end`, as long as this runs. */
export type CommitUser<T> = (bytes: Buffer, start: number, end: number) => T | undefined;

export class PackedCommits {
  readonly #find: (id: ObjectId) => PackedObject | undefined;
  /** Of the commit that was read last. */
  #pack: PackFile | undefined;
  #start = 0;
  #end = 0;
  /** Whether that one lay behind the one before it, and not far. */
  #inRow = false;
  /** Length of the walk, as far as it goes through one pack. */
  #walked = 0;
  #thread: AheadThread | undefined;
  #ahead: CommitsAhead | undefined;

  /** @param find the likeliest place of an object */
  constructor(find: (id: ObjectId) => PackedObject | undefined) {
    this.#find = find;
  }

  /**
   * Hands the commit's body to `use`. Undefined when it is in no pack, or large, a delta or damaged:
   * then it must be read as any other object.
   * @param readAhead see `ObjectStore.commitNow`
   */
  use<T>(id: ObjectId, use: CommitUser<T>, readAhead: boolean): T | undefined {
    const ahead = this.#ahead;
    if (ahead?.take(id, ahead.pack === this.#pack ? this.#end : 0)) {
      this.#inRow = false;
      return use(ahead.bytes, ahead.start, ahead.end);
    }
    if (ahead?.isOver) this.#endWalk();
    let size = this.#inRow ? this.#readNext(id) : -1;
    if (size < 0) {
      const place = this.#find(id);
      if (place === undefined) return undefined;
      const distance = place.pack === this.#pack ? place.offset - this.#end : -1;
      size = this.#read(place.pack, place.offset, id);
      if (size < 0) return undefined;
      this.#inRow = distance >= 0 && distance < NEAR;
    }
    if (readAhead && this.#walked >= LONG_WALK && this.#ahead === undefined) this.#readAhead();
    return use(buffer, BODY_AT, BODY_AT + size);
  }

  /** Looks whether it is the next commit in the pack, or comes right after one of a side branch. */
  #readNext(id: ObjectId): number {
    this.#inRow = false;
    const pack = this.#pack!;
    let at = this.#end;
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const size = this.#read(pack, at, id);
        if (size >= 0) {
          this.#inRow = true;
          return size;
        }
        if (pack.endOfInflated <= at) break;
        at = pack.endOfInflated;
      }
    } catch {
      // It was a guess: what lies there may be anything, and the pack may be gone.
    }
    return -1;
  }

  /** Reads the commit into the buffer. @returns its size, or -1 */
  #read(pack: PackFile, offset: number, id: ObjectId): number {
    const size = pack.inflateWhole(offset, PackType.commit, body);
    if (size < 0) return -1;
    const bytes = withHeader(size);
    if ((firstSha1('', bytes) ?? hash('sha1', bytes, 'hex')) !== id) return -1;
    const distance = pack === this.#pack ? offset - this.#end : -1;
    // Commits that tags point to lie elsewhere.
    if (distance >= 0 && distance < NOT_FAR) this.#walked++;
    else this.#walked = Math.max(0, this.#walked - LONG_WALK / 20);
    this.#pack = pack;
    this.#start = offset;
    this.#end = pack.endOfInflated;
    return size;
  }

  async close(): Promise<void> {
    const hasBegun = this.#endWalk();
    await (hasBegun ? this.#thread?.close() : this.#thread?.drop());
  }

  #readAhead(): void {
    this.#walked = 0;
    this.#thread ??= new AheadThread();
    this.#ahead = this.#thread.follow(this.#pack!, this.#start);
  }

  #endWalk(): boolean {
    const hasBegun = this.#ahead?.close() ?? true;
    this.#ahead = undefined;
    this.#walked = 0;
    return hasBegun;
  }
}

let headerAt = BODY_AT;
let headerSize = -1;

/** Puts the header before the body in the buffer, and returns both. */
function withHeader(size: number): Buffer {
  if (size !== headerSize) {
    const header = objectHeader('commit', size);
    headerAt = BODY_AT - header.length;
    buffer.write(header, headerAt, 'latin1');
    headerSize = size;
  }
  return buffer.subarray(headerAt, BODY_AT + size);
}
