/**
 * Writing a tar archive (ustar with pax records where a field is too small). All members have the
 * same owner (root, 0) and time, so that the same snapshot gives the same bytes. As in an archive of
 * `git archive`, a global pax record names the commit.
 */
import { asBuffer } from '../../bytes.ts';
import { isTreeMode, MODE_EXECUTABLE, MODE_LINK } from '../../git/objects/tree.ts';
import { encodePath, hasLoneSurrogate } from '../../git/pathBytes.ts';
import type { ArchiveOrigin, NewMember } from '../member.ts';
import { BLOCK, HeaderWriter, MAX_OCTAL, type NewHeader, paddingOf } from './header.ts';
import { paxRecord } from './pax.ts';

/** Size of the pieces that are given out: they fit a processor's own cache (level 2). */
const PIECE = 512 << 10;

/** Archives are filled to a multiple of this, the record size of tape drives. */
const RECORD = 20 * BLOCK;

const NAME_FIELD = 100;
const PREFIX_FIELD = 155;

/**
 * The archive's bytes, in pieces that are the receiver's own, who may give them back to `memory`.
 * @param members in groups, whose bytes are looked at only until the next group is asked for
 */
export async function* writeTar(
  members: AsyncIterable<readonly NewMember[]>,
  origin: ArchiveOrigin,
  memory = new PieceMemory(),
): AsyncGenerator<Uint8Array, void, undefined> {
  const time = Math.min(Math.max(origin.time, 0), MAX_OCTAL);
  const tar = new Pieces(memory, new HeaderWriter(time));
  const extended = (type: 'x' | 'g', records: Buffer): void => {
    const name = type === 'g' ? 'pax_global_header' : 'pax_header';
    tar.header({ name, mode: 0o644, size: records.length, type });
    tar.body(records);
  };
  const origins = [paxRecord('comment', origin.commit)];
  if (time !== origin.time) origins.push(paxRecord('mtime', String(origin.time)));
  extended('g', Buffer.concat(origins));

  for await (const group of members) {
    for (const member of group) {
      const { header, before } = headerOf(member);
      if (before.pax.length > 0) extended('x', Buffer.concat(before.pax));
      for (const { type, text } of before.gnu) {
        const body = Buffer.concat([text, Buffer.of(0)]);
        const name = Buffer.from('././@LongLink');
        tar.header({ name, mode: 0o644, size: body.length, type });
        tar.body(body);
      }
      tar.header(header);
      if (header.size > 0 || member.size > MAX_OCTAL) {
        if (member.data instanceof Uint8Array) {
          tar.body(member.data);
        } else {
          for await (const chunk of member.data) {
            tar.put(chunk);
            yield* tar.ready();
          }
          tar.pad(paddingOf(member.size));
        }
      }
      if (tar.isReady) yield* tar.ready();
    }
  }
  tar.pad(2 * BLOCK);
  tar.pad((RECORD - (tar.written % RECORD)) % RECORD);
  yield* tar.all();
}

interface Before {
  /** Records of an extended header. */
  readonly pax: Buffer[];
  /** GNU's long names, for bytes that a pax record must not hold. */
  readonly gnu: { type: 'L' | 'K'; text: Buffer }[];
}

/** Most names: they fit their field as they are. */
const PLAIN_NAME = /^[\0-\x7f]{1,100}$/;

function headerOf(member: NewMember): { header: NewHeader; before: Before } {
  const before: Before = { pax: [], gnu: [] };
  const isDirectory = isTreeMode(member.mode);
  const isLink = member.mode === MODE_LINK;
  const path = isDirectory ? `${member.path}/` : member.path;
  const { name, prefix } = PLAIN_NAME.test(path) ? { name: path } : split(path, before);
  const mode = isDirectory || member.mode === MODE_EXECUTABLE ? 0o755 : isLink ? 0o777 : 0o644;
  let size = isDirectory || isLink ? 0 : member.size;
  if (size > MAX_OCTAL) {
    before.pax.push(paxRecord('size', String(size)));
    size = 0;
  }
  const type = isDirectory ? '5' : isLink ? '2' : '0';
  const linkName = isLink ? fitLink(member.data as Uint8Array, before) : undefined;
  return { header: { name, prefix, mode, size, type, linkName }, before };
}

/** Splits a name between the two fields for it; where it fits neither, it goes before the header. */
function split(text: string, before: Before): { name: Uint8Array; prefix?: Uint8Array } {
  const path = encodePath(text);
  if (path.length <= NAME_FIELD) return { name: path };
  // The slash that is split at belongs to neither part, and may not be the last one.
  const slash = path.lastIndexOf(0x2f, Math.min(PREFIX_FIELD, path.length - 2));
  if (slash > 0 && path.length - slash - 1 <= NAME_FIELD) {
    return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
  }
  return { name: long(path, hasLoneSurrogate(text), 'path', before) };
}

function fitLink(target: Uint8Array, before: Before): Uint8Array {
  if (target.length <= NAME_FIELD) return target;
  return long(Buffer.from(target), !isUtf8(target), 'linkpath', before);
}

/** Puts a text before the header; what stands in its field is only its beginning. */
function long(text: Buffer, isRaw: boolean, key: 'path' | 'linkpath', before: Before): Uint8Array {
  if (isRaw) before.gnu.push({ type: key === 'path' ? 'L' : 'K', text });
  else before.pax.push(paxRecord(key, text));
  return text.subarray(0, NAME_FIELD);
}

function isUtf8(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes);
}

/** Memory of pieces that have been written and serve again: new memory costs as much as filling it. */
export class PieceMemory {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE);
  }

  giveBack(piece: Uint8Array): void {
    if (piece.length === PIECE) this.#free.push(asBuffer(piece));
  }
}

/** Gathers what is written into pieces of one size. */
class Pieces {
  readonly #memory: PieceMemory;
  readonly #headers: HeaderWriter;
  #piece: Buffer;
  #filled = 0;
  #full: Buffer[] = [];
  written = 0;

  constructor(memory: PieceMemory, headers: HeaderWriter) {
    this.#memory = memory;
    this.#headers = headers;
    this.#piece = memory.take();
  }

  get isReady(): boolean {
    return this.#full.length > 0;
  }

  header(header: NewHeader): void {
    // Everything is filled up to whole blocks, so there is always room for one.
    this.#headers.put(this.#piece, this.#filled, header);
    this.#move(BLOCK);
    this.written += BLOCK;
  }

  body(bytes: Uint8Array): void {
    this.put(bytes);
    this.pad(paddingOf(bytes.length));
  }

  put(bytes: Uint8Array): void {
    this.written += bytes.length;
    if (bytes.length <= PIECE - this.#filled) {
      this.#piece.set(bytes, this.#filled);
      this.#move(bytes.length);
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + PIECE - this.#filled);
      this.#piece.set(part, this.#filled);
      at += part.length;
      this.#move(part.length);
    }
  }

  pad(length: number): void {
    this.written += length;
    for (let left = length; left > 0; ) {
      const part = Math.min(left, PIECE - this.#filled);
      this.#piece.fill(0, this.#filled, this.#filled + part);
      left -= part;
      this.#move(part);
    }
  }

  ready(): Buffer[] {
    return this.#full.splice(0);
  }

  all(): Buffer[] {
    if (this.#filled > 0) this.#full.push(this.#piece.subarray(0, this.#filled));
    return this.ready();
  }

  #move(length: number): void {
    this.#filled += length;
    if (this.#filled < PIECE) return;
    this.#full.push(this.#piece);
    this.#piece = this.#memory.take();
    this.#filled = 0;
  }
}
