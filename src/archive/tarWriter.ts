/**
 * Writing a tar archive (ustar with pax records where a field is too small). All members have the
 * same owner (root, 0) and time, so that the same snapshot gives the same bytes. As in an archive of
 * `git archive`, a global pax record names the commit.
 */
import { encodePath, hasLoneSurrogate } from '../git/pathBytes.ts';
import { isTreeMode, MODE_EXECUTABLE, MODE_LINK } from '../git/tree.ts';
import type { ArchiveOrigin, NewMember } from './member.ts';
import { BLOCK, MAX_OCTAL, type NewHeader, paddingOf, putTarHeader } from './tarHeader.ts';
import { paxRecord } from './tarPax.ts';

/** Size of the pieces that are given out. */
const PIECE = 1 << 20;

/** Archives are filled to a multiple of this, the record size of tape drives. */
const RECORD = 20 * BLOCK;

const NAME_FIELD = 100;
const PREFIX_FIELD = 155;

/** The archive's bytes, in pieces that are the receiver's own. */
export async function* writeTar(
  members: AsyncIterable<NewMember>,
  origin: ArchiveOrigin,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = new Pieces();
  const time = Math.min(Math.max(origin.time, 0), MAX_OCTAL);
  const extended = (type: 'x' | 'g', records: Buffer): void => {
    const name = type === 'g' ? 'pax_global_header' : 'pax_header';
    tar.header({ name: Buffer.from(name), mode: 0o644, size: records.length, time, type });
    tar.body(records);
  };
  const origins = [paxRecord('comment', origin.commit)];
  if (time !== origin.time) origins.push(paxRecord('mtime', String(origin.time)));
  extended('g', Buffer.concat(origins));

  for await (const member of members) {
    const { header, before } = headerOf(member, time);
    if (before.pax.length > 0) extended('x', Buffer.concat(before.pax));
    for (const { type, text } of before.gnu) {
      const body = Buffer.concat([text, Buffer.of(0)]);
      const name = Buffer.from('././@LongLink');
      tar.header({ name, mode: 0o644, size: body.length, time, type });
      tar.body(body);
    }
    tar.header(header);
    if (header.size > 0) {
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
    yield* tar.ready();
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

function headerOf(member: NewMember, time: number): { header: NewHeader; before: Before } {
  const before: Before = { pax: [], gnu: [] };
  const isDirectory = isTreeMode(member.mode);
  const isLink = member.mode === MODE_LINK;
  const path = isDirectory ? `${member.path}/` : member.path;
  const { name, prefix } = split(encodePath(path), hasLoneSurrogate(path), 'path', before);
  const permissions =
    isDirectory || member.mode === MODE_EXECUTABLE ? 0o755 : isLink ? 0o777 : 0o644;
  const size = isDirectory || isLink ? 0 : member.size;
  if (size > MAX_OCTAL) before.pax.push(paxRecord('size', String(size)));
  const common = { name, mode: permissions, size: size > MAX_OCTAL ? 0 : size, time };
  const withPrefix = prefix === undefined ? common : { ...common, prefix };
  if (!isLink) return { header: { ...withPrefix, type: isDirectory ? '5' : '0' }, before };
  const target = member.data as Uint8Array;
  const linkName =
    target.length <= NAME_FIELD
      ? target
      : long(Buffer.from(target), !isUtf8(target), 'linkpath', before);
  return { header: { ...withPrefix, type: '2', linkName }, before };
}

/** Splits a name between the two fields for it; where it fits neither, it goes before the header. */
function split(
  path: Buffer,
  isRaw: boolean,
  key: 'path',
  before: Before,
): { name: Uint8Array; prefix?: Uint8Array } {
  if (path.length <= NAME_FIELD) return { name: path };
  // The slash that is split at belongs to neither part, and may not be the last one.
  const slash = path.lastIndexOf(0x2f, Math.min(PREFIX_FIELD, path.length - 2));
  if (slash > 0 && path.length - slash - 1 <= NAME_FIELD) {
    return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
  }
  return { name: long(path, isRaw, key, before) };
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

/** Gathers what is written into pieces of one size. */
class Pieces {
  #piece = Buffer.alloc(PIECE);
  #filled = 0;
  #full: Buffer[] = [];
  written = 0;

  header(header: NewHeader): void {
    if (this.#filled + BLOCK > PIECE) this.#turn();
    putTarHeader(this.#piece, this.#filled, header);
    this.#filled += BLOCK;
    this.written += BLOCK;
  }

  body(bytes: Uint8Array): void {
    this.put(bytes);
    this.pad(paddingOf(bytes.length));
  }

  put(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + PIECE - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === PIECE) this.#turn();
    }
    this.written += bytes.length;
  }

  /** Zeros, which the piece holds from the beginning. */
  pad(length: number): void {
    this.written += length;
    for (let left = length; left > 0; ) {
      const part = Math.min(left, PIECE - this.#filled);
      this.#filled += part;
      left -= part;
      if (this.#filled === PIECE) this.#turn();
    }
  }

  ready(): Buffer[] {
    return this.#full.splice(0);
  }

  all(): Buffer[] {
    if (this.#filled > 0) this.#turn();
    return this.ready();
  }

  #turn(): void {
    this.#full.push(this.#filled === PIECE ? this.#piece : this.#piece.subarray(0, this.#filled));
    this.#piece = Buffer.alloc(PIECE);
    this.#filled = 0;
  }
}
