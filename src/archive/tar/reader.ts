/**
 * Reading a tar archive as it comes: V7, ustar, pax and GNU, long names in both forms, sparse files.
 * A tar must end with a block of zeros: without one it was cut short.
 */
import { decodePath } from '../../git/pathBytes.ts';
import type { ByteReader } from '../bytes/byteReader.ts';
import { corrupt, refused, truncated } from '../errors.ts';
import { type ArchiveMember, MAX_NAME } from '../member.ts';
import {
  BadHeader,
  BLOCK,
  isZeroBlock,
  paddingOf,
  parseTarHeader,
  type TarHeader,
} from './header.ts';
import { decimal, type ParsedPax, parsePax } from './pax.ts';
import { checkSparse, fillHoles, readGnuSparse, readPaxSparse, type SparseMap } from './sparse.ts';

/** Extended headers beyond this size are no headers. */
const MAX_EXTENDED = 1 << 20;

/** What stands before a member's own header and says more about it. */
interface Extension {
  pax?: ParsedPax;
  longName?: Buffer;
  longLink?: Buffer;
}

/** Members whose kind a tree cannot hold. */
const OTHERS: Readonly<Record<string, string>> = {
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a pipe',
};

/**
 * The members in their order. What of one is not read is passed over.
 * @param isTar whether its first bytes say that it is one; old tars do not
 */
export async function* readTar(
  reader: ByteReader,
  isTar: boolean,
): AsyncGenerator<ArchiveMember, void, undefined> {
  let start = reader.position;
  const global = new Map<string, Buffer>();
  let extension: Extension = {};
  try {
    for (;;) {
      start = reader.position;
      if (!(await reader.fill(BLOCK))) {
        // Without a header that says so, nothing tells that it ever was one.
        if (start === 0 && !isTar) throw refused('Not a tar archive');
        throw truncated(reader.available > 0 ? 'it ends inside a header' : 'it has no end mark');
      }
      const block = Buffer.from(reader.take(BLOCK));
      if (isZeroBlock(block)) break;
      const header = parseTarHeader(block);
      switch (header.type) {
        case 'g':
          for (const [key, value] of parsePax(await extended(header, reader)).records) {
            global.set(key, value);
          }
          continue;
        case 'x':
        case 'X':
          extension.pax = parsePax(await extended(header, reader));
          continue;
        case 'L':
          extension.longName = withoutNul(await extended(header, reader));
          continue;
        case 'K':
          extension.longLink = withoutNul(await extended(header, reader));
          continue;
        case 'V':
          await reader.skip(header.size + paddingOf(header.size));
          continue;
        case 'M':
          throw refused('The archive is one volume of several: that is not supported');
      }
      yield* member(header, withGlobal(extension, global), reader);
      extension = {};
    }
    // The rest is filling; it is read so that the program before us can end in peace.
    for await (const _ of reader.rest());
  } catch (error) {
    if (error instanceof BadHeader) {
      throw start === 0
        ? refused(`Not a tar archive (${error.message})`)
        : corrupt(`the header at byte ${start}: ${error.message}`);
    }
    throw error;
  }
}

async function extended({ size }: TarHeader, reader: ByteReader): Promise<Buffer> {
  if (size > MAX_EXTENDED) throw new BadHeader('an extended header is too large');
  const data = await reader.read(size);
  await reader.skip(paddingOf(size));
  return data;
}

function withoutNul(text: Buffer): Buffer {
  const end = text.indexOf(0);
  return end < 0 ? text : text.subarray(0, end);
}

function withGlobal(extension: Extension, global: ReadonlyMap<string, Buffer>): Extension {
  if (global.size === 0) return extension;
  const { records = new Map(), sparsePairs = [] } = extension.pax ?? {};
  return { ...extension, pax: { records: new Map([...global, ...records]), sparsePairs } };
}

async function* member(
  header: TarHeader,
  { pax, longName, longLink }: Extension,
  reader: ByteReader,
): AsyncGenerator<ArchiveMember, void, undefined> {
  const records = pax?.records;
  const name = records?.get('GNU.sparse.name') ?? records?.get('path') ?? longName ?? header.name;
  if (name.length > MAX_NAME) throw new BadHeader(`a name is longer than ${MAX_NAME} bytes`);
  const linkName = records?.get('linkpath') ?? longLink ?? header.linkName;
  const size = records?.get('size');
  const path = decodePath(name);
  const type = typeOf(header, path);
  let stored = size === undefined ? header.size : decimal(size);
  // Old tars give a hard link its file's size and no data; pax may give it data.
  if (type === 'link' || (type === 'hardlink' && pax === undefined)) stored = 0;

  const begin = reader.position;
  let sparse: SparseMap | undefined;
  if (header.type === 'S') sparse = await readGnuSparse(header.block, reader);
  else if (type === 'file' && pax !== undefined) sparse = await readPaxSparse(pax, reader);
  const mapLength = reader.position - begin;
  // The map of an old header does not count as data.
  const end = begin + stored + (header.type === 'S' ? mapLength : 0);
  if (sparse !== undefined) checkSparse(sparse, end - begin - mapLength);

  yield {
    path,
    type,
    executable: (header.mode & 0o100) !== 0,
    size: sparse?.size ?? (type === 'file' ? stored : 0),
    ...((type === 'link' || type === 'hardlink') && { target: decodePath(linkName) }),
    ...(type === 'other' && {
      what: OTHERS[header.type] ?? `of the unknown type '${header.type}'`,
    }),
    async read() {
      if (sparse === undefined) return reader.read(stored);
      const parts: Uint8Array[] = [];
      for await (const part of fillHoles(sparse, reader)) parts.push(Buffer.from(part));
      return Buffer.concat(parts);
    },
    chunks() {
      return sparse === undefined ? reader.stream(stored) : fillHoles(sparse, reader);
    },
  };
  await reader.skip(end - reader.position + paddingOf(end - begin));
}

function typeOf({ type }: TarHeader, path: string): ArchiveMember['type'] {
  switch (type) {
    case '0':
    case '7':
    case 'S':
      return path.endsWith('/') ? 'directory' : 'file';
    case '1':
      return 'hardlink';
    case '2':
      return 'link';
    case '5':
    case 'D':
      return 'directory';
    default:
      return 'other';
  }
}
