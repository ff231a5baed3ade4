/**
 * Writing a zip archive. Small members are deflated on zlib's threads, several at a time, and written
 * in their order with their sizes before them; large ones stream, their sizes behind them. The
 * archive's comment is the commit's id, as in an archive of `git archive`.
 */
import { promisify } from 'node:util';
import { constants, crc32, createDeflateRaw, deflateRaw } from 'node:zlib';
import { isTreeMode, MODE_EXECUTABLE, MODE_LINK } from '../../git/objects/tree.ts';
import { encodePath, hasLoneSurrogate } from '../../git/pathBytes.ts';
import { through } from '../bytes/through.ts';
import { refused } from '../errors.ts';
import type { ArchiveOrigin, NewMember } from '../member.ts';
import {
  centralEntry,
  dataDescriptor,
  endRecords,
  localHeader,
  METHOD_DEFLATED,
  METHOD_STORED,
  type NewEntry,
} from './records.ts';

const PIECE = 1 << 20;

/** Members being deflated at a time, and their bytes. */
const FLIGHTS = 64;
const FLIGHT_BYTES = 16 << 20;

/** From this size on, deflated data might not fit 32 bits. */
const WIDE_SIZE = 0xf0000000;

const LEVEL = constants.Z_DEFAULT_COMPRESSION;
const deflated = promisify(deflateRaw);

type EntryStart = Pick<NewEntry, 'name' | 'isUtf8' | 'mode' | 'time'>;

interface Flight {
  readonly bytes: number;
  readonly packed: Promise<{ entry: Omit<NewEntry, 'offset'>; data: Uint8Array }>;
}

/** The archive's bytes, in pieces that are the receiver's own. */
export async function* writeZip(
  groups: AsyncIterable<readonly NewMember[]>,
  origin: ArchiveOrigin,
): AsyncGenerator<Uint8Array, void, undefined> {
  const central: Buffer[] = [];
  let offset = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const put = (bytes: Uint8Array): void => {
    waiting.push(bytes);
    waitingBytes += bytes.length;
    offset += bytes.length;
  };
  const full = (): Uint8Array[] => {
    if (waitingBytes < PIECE) return [];
    const piece = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    return [piece];
  };
  const flights: Flight[] = [];
  let flying = 0;
  const land = async (): Promise<void> => {
    const { bytes, packed } = flights.shift()!;
    flying -= bytes;
    const { entry, data } = await packed;
    const placed = { ...entry, offset };
    put(localHeader(placed));
    if (data.length > 0) put(data);
    central.push(centralEntry(placed));
  };

  for await (const member of each(groups)) {
    const start = startOf(member, origin.time);
    if (member.data instanceof Uint8Array) {
      // Copied: it is deflated when the member's group is long gone.
      const packed = pack(start, Buffer.from(member.data));
      packed.catch(() => {});
      flights.push({ bytes: member.data.length, packed });
      flying += member.data.length;
      while (flights.length > FLIGHTS || flying > FLIGHT_BYTES) {
        await land();
        yield* full();
      }
      continue;
    }
    while (flights.length > 0) await land();
    const streamed: NewEntry = {
      ...start,
      method: METHOD_DEFLATED,
      crc: 0,
      compressedSize: 0,
      size: member.size,
      offset,
      streamed: true,
      wide: member.size >= WIDE_SIZE,
    };
    put(localHeader(streamed));
    let crc = 0;
    const content = checked(member.data, (chunk) => {
      crc = crc32(chunk, crc);
    });
    const begin = offset;
    for await (const chunk of through(content, createDeflateRaw({ level: LEVEL }))) {
      put(chunk);
      yield* full();
    }
    const entry = { ...streamed, crc, compressedSize: offset - begin };
    put(dataDescriptor(entry));
    central.push(centralEntry(entry));
  }
  while (flights.length > 0) {
    await land();
    yield* full();
  }
  const start = offset;
  for (const record of central) {
    put(record);
    yield* full();
  }
  put(endRecords({ entries: central.length, size: offset - start, offset: start }, origin.commit));
  yield Buffer.concat(waiting);
}

function startOf(member: NewMember, time: number): EntryStart {
  const { path, mode } = member;
  const isDirectory = isTreeMode(mode);
  const name = encodePath(isDirectory ? `${path}/` : path);
  if (name.length > 0xffff) throw refused(`A name is too long for a zip archive: ${path}`, path);
  const permissions =
    isDirectory || mode === MODE_EXECUTABLE ? 0o755 : mode === MODE_LINK ? 0o777 : 0o644;
  const kind = isDirectory ? 0o040000 : mode === MODE_LINK ? MODE_LINK : 0o100000;
  const isUtf8 = !/^[\0-\x7f]*$/.test(path) && !hasLoneSurrogate(path);
  return { name, isUtf8, mode: kind | permissions, time };
}

async function pack(start: EntryStart, data: Uint8Array) {
  const smaller = data.length > 16 ? await deflated(data, { level: LEVEL }) : data;
  const isDeflated = smaller.length < data.length;
  const bytes = isDeflated ? smaller : data;
  const entry = {
    ...start,
    method: isDeflated ? METHOD_DEFLATED : METHOD_STORED,
    crc: crc32(data),
    compressedSize: bytes.length,
    size: data.length,
    streamed: false,
    wide: false,
  };
  return { entry, data: bytes };
}

async function* each(
  groups: AsyncIterable<readonly NewMember[]>,
): AsyncGenerator<NewMember, void, undefined> {
  for await (const group of groups) yield* group;
}

async function* checked(
  source: AsyncIterable<Uint8Array>,
  look: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    look(chunk);
    yield chunk;
  }
}
