/**
 * Reads a pack's header, checksum and index, and the header of every entry. Goes on after a fault.
 */
import { createHash } from 'node:crypto';
import { ID_LENGTH } from '../../../git/idTable.ts';
import {
  PACK_HEADER_LENGTH,
  PackType,
  parsePackEntry,
  parsePackHeader,
} from '../../../git/packs/pack.ts';
import { PackIndex } from '../../../git/packs/packIndex.ts';
import { isErrno, readFully, readFullySync } from '../../disk/durable.ts';
import { closeSync, fstatSync, openSync, readFileSync } from '../../disk/fs.ts';
import { Kind, type ObjectTable, shared } from '../inventory/objectTable.ts';
import { placeOf } from '../inventory/scan.ts';
import type { EntryColumns } from './packTask.ts';
import { problemOf } from './problem.ts';

const TRAILER = 20;
/** A pack without objects. */
const SHORTEST_PACK = PACK_HEADER_LENGTH + TRAILER;
const CHUNK = 1 << 20;
const LONGEST_HEADER = 32;
/** Whole blobs above this, with nothing based on them, are checked in pieces. */
export const IN_PIECES = 8 << 20;

/** A pack whose files can be opened, whatever is in them. */
export interface OpenedPack {
  readonly path: string;
  readonly name: string;
  readonly fd: number;
  readonly size: number;
  readonly index: PackIndex;
}

type Report = (subject: string, problem: string) => void;

/** @param path without ending; undefined when nothing in it can be checked */
export function openForCheck(path: string, name: string, report: Report): OpenedPack | undefined {
  let index: PackIndex;
  try {
    index = PackIndex.parse(readFileSync(`${path}.idx`), `${name}.idx`);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw error;
    report(`${name}.idx`, plain(error));
    return undefined;
  }
  try {
    index.verifyChecksum();
  } catch (error) {
    report(`${name}.idx`, plain(error));
  }
  let fd: number;
  try {
    fd = openSync(`${path}.pack`, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw error;
    report(`${name}.pack`, plain(error));
    return undefined;
  }
  const size = fstatSync(fd).size;
  const pack = { path, name, fd, size, index };
  const problem = headerProblem(pack);
  if (problem !== undefined) report(`${name}.pack`, problem);
  if (size >= SHORTEST_PACK) return pack;
  // There is no room for an entry. Links to its objects find them missing.
  closeSync(fd);
  return undefined;
}

function headerProblem({ fd, size, index }: OpenedPack): string | undefined {
  if (size < SHORTEST_PACK) return 'is cut short';
  try {
    const head = Buffer.alloc(PACK_HEADER_LENGTH);
    readFullySync(fd, head, head.length, 0);
    const { count } = parsePackHeader(head);
    if (count !== index.count) return `holds ${count} objects, its index names ${index.count}`;
  } catch (error) {
    return plain(error);
  }
  const trailer = Buffer.alloc(TRAILER);
  readFullySync(fd, trailer, TRAILER, size - TRAILER);
  return trailer.equals(index.packChecksum) ? undefined : 'does not belong to its index';
}

/** Compares the checksum at the end of the pack with its bytes. */
export async function checkPackChecksum(
  { fd, size, name }: OpenedPack,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha1');
  const chunk = Buffer.allocUnsafe(CHUNK);
  const end = size - TRAILER;
  for (let at = 0; at < end; ) {
    signal?.throwIfAborted();
    const got = await readFully(fd, chunk, Math.min(CHUNK, end - at), at);
    if (got === 0) break;
    hash.update(chunk.subarray(0, got));
    at += got;
  }
  const trailer = Buffer.alloc(TRAILER);
  readFullySync(fd, trailer, TRAILER, end);
  if (!hash.digest().equals(trailer)) report(`${name}.pack`, 'its checksum does not fit');
}

/**
 * The entries of a pack by place, with the delta trees they make. Objects are added to the table.
 * @returns the columns, and the places of large blobs that are left out of `roots`
 */
export function readEntries(
  table: ObjectTable,
  pack: OpenedPack,
  report: Report,
): { columns: EntryColumns; large: number[] } {
  const { index, fd, size: packSize } = pack;
  const count = index.count;
  const { bytes: idBytes, at: idsAt, stride } = index.idRows;
  const end = packSize - TRAILER;
  const offsets = shared(Float64Array, count);
  for (let row = 0; row < count; row++) {
    try {
      offsets[row] = index.offsetAt(row);
    } catch (error) {
      report(`${pack.name}.idx`, plain(error));
      offsets[row] = 0;
    }
  }
  offsets.sort();
  const columns = {
    offset: offsets,
    end: shared(Float64Array, count),
    object: shared(Int32Array, count),
    kind: shared(Uint8Array, count),
    size: shared(Float64Array, count),
    crc: shared(Uint32Array, count),
    first: shared(Int32Array, count).fill(-1),
    next: shared(Int32Array, count).fill(-1),
  };
  const { object, kind, size, crc, first, next } = columns;
  for (let row = 0; row < count; row++) {
    let offset: number;
    try {
      offset = index.offsetAt(row);
    } catch {
      continue;
    }
    const place = placeOf(offsets, offset);
    object[place] = table.add(idBytes, idsAt + row * stride);
    crc[place] = index.crcAt(row) ?? 0;
    columns.end[place] = place + 1 < count ? offsets[place + 1]! : end;
  }

  const base = new Int32Array(count).fill(-1);
  const window = Buffer.alloc(CHUNK + LONGEST_HEADER);
  let windowStart = 0;
  let windowEnd = 0;
  const broken = new Uint8Array(count);
  for (let place = 0; place < count; place++) {
    const offset = offsets[place]!;
    const fault = (problem: string): void => {
      broken[place] = 1;
      report(`object ${table.idOf(object[place]!)}`, `${problem} (in ${pack.name}.pack)`);
    };
    if (offset < PACK_HEADER_LENGTH || offset >= end) {
      fault('its place is outside of its pack');
      continue;
    }
    if (offset < windowStart || offset + LONGEST_HEADER > windowEnd) {
      windowStart = offset;
      const got = readFullySync(fd, window, Math.min(CHUNK, end - offset), offset);
      window.fill(0, got);
      windowEnd = offset + Math.max(got, LONGEST_HEADER);
    }
    try {
      const at = offset - windowStart;
      const { type, size: dataSize, headerLength, distance } = parsePackEntry(window, at);
      size[place] = dataSize;
      if (type === PackType.ofsDelta) {
        base[place] = placeOf(offsets, offset - distance);
        if (base[place] === -1) fault('its delta base is not there');
      } else if (type === PackType.refDelta) {
        const from = at + headerLength;
        const row = index.indexOf(window.toString('hex', from, from + ID_LENGTH));
        base[place] = row === -1 ? -1 : placeOf(offsets, index.offsetAt(row));
        if (base[place] === -1) fault('its delta base is not there');
      } else {
        kind[place] = type;
      }
    } catch (error) {
      fault(plain(error));
    }
  }
  settle(base, kind, broken);
  const roots: number[] = [];
  const large: number[] = [];
  for (let place = count - 1; place >= 0; place--) {
    const above = base[place]!;
    if (above !== -1 && broken[place] === 0) {
      next[place] = first[above]!;
      first[above] = place;
    }
  }
  for (let place = 0; place < count; place++) {
    if (broken[place] !== 0 || base[place] !== -1) {
      if (broken[place] !== 1 && kind[place] === Kind.unknown) {
        report(
          `object ${table.idOf(object[place]!)}`,
          `its delta base cannot be read (in ${pack.name}.pack)`,
        );
      }
    } else if (kind[place] === Kind.blob && size[place]! > IN_PIECES && first[place] === -1) {
      large.push(place);
    } else {
      roots.push(place);
    }
    const known = table.columns.kind;
    if (kind[place] !== Kind.unknown && known[object[place]!] === Kind.unknown) {
      known[object[place]!] = kind[place]!;
    }
  }
  const rootColumn = shared(Int32Array, roots.length);
  rootColumn.set(roots);
  return { columns: { ...columns, roots: rootColumn }, large };
}

const IN_RING = 2;

/** Gives deltas the kind of what they are based on at last; what has none stays unknown. */
function settle(base: Int32Array, kind: Uint8Array, broken: Uint8Array): void {
  const chain: number[] = [];
  for (let place = 0; place < base.length; place++) {
    let at = place;
    while (kind[at] === Kind.unknown && base[at] !== -1 && broken[at] === 0) {
      chain.push(at);
      at = base[at]!;
      // Deltas that are based on each other in a ring.
      if (chain.length > base.length) break;
    }
    const isRing = chain.length > base.length;
    const found = isRing ? Kind.unknown : kind[at]!;
    for (const one of chain) {
      kind[one] = found;
      if (isRing) broken[one] = IN_RING;
    }
    chain.length = 0;
  }
}

/** An error's message, with what it says of its own subject left out. */
function plain(error: unknown): string {
  const { message } = error as Error;
  return problemOf(error, message.replace(/^Pack index \S+ is corrupt: /, ''));
}

export function closeChecked(packs: readonly OpenedPack[]): void {
  for (const { fd } of packs) closeSync(fd);
}
