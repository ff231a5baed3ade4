/** From a stream, a file or bytes to the members of the archive in it, whatever its format. */
import { asBuffer } from '../bytes.ts';
import { ByteReader } from './bytes/byteReader.ts';
import { BytesAccess, FileAccess, gather, type RandomAccess } from './bytes/randomAccess.ts';
import { decompress } from './compression.ts';
import { corrupt, refused, truncated } from './errors.ts';
import { type ArchiveFormat, type Recognized, recognize, SIGNATURE_LENGTH } from './formats.ts';
import type { ArchiveMember } from './member.ts';
import { readTar } from './tar/reader.ts';
import { readZip } from './zip/reader.ts';

/** An archive to be read: bytes, a stream of them that is read once, or an open file. */
export type ArchiveInput = Uint8Array | AsyncIterable<Uint8Array> | { readonly fd: number };

export interface ReadArchiveOptions {
  /** What it must be; any tar, however compressed, for all tars. Undefined: what its first bytes say. */
  readonly format?: ArchiveFormat | undefined;
  /** Told of bytes read from the input, and of bytes that came out of a decompressor. */
  readonly onRead?: ((bytes: number) => void) | undefined;
  readonly onUnpacked?: ((bytes: number) => void) | undefined;
}

/** The members, unchecked. @throws ArchiveError */
export async function* readArchive(
  input: ArchiveInput,
  options: ReadArchiveOptions = {},
): AsyncGenerator<ArchiveMember, void, undefined> {
  const reader = new ByteReader(watched(streamOf(input), options.onRead));
  try {
    await reader.fill(SIGNATURE_LENGTH);
    const head = Buffer.from(reader.peek(SIGNATURE_LENGTH));
    if (head.length === 0) throw truncated('there is not a single byte');
    const found = recognize(head);
    if (isZip(found, options.format)) {
      const access = await accessTo(input, reader, options.onRead);
      try {
        yield* readZip(access);
      } finally {
        access.close();
      }
    } else {
      yield* readAnyTar(reader, found, options);
    }
  } finally {
    await reader.close();
  }
}

/** @throws ArchiveError when it is not what it must be */
function isZip(found: Recognized | undefined, format: ArchiveFormat | undefined): boolean {
  if (found?.kind === 'foreign') throw refused(`It is ${found.name}, which cannot be read here`);
  if (format === undefined) return found?.kind === 'zip';
  const isZip = format === 'zip';
  // A zip may begin with anything, for example a program that unpacks it.
  if (isZip && (found?.kind === 'tar' || found?.kind === 'compressed')) {
    throw refused(`Not a zip archive: it is ${found.name}`);
  }
  if (!isZip && found?.kind === 'zip') throw refused(`Not a tar archive: it is ${found.name}`);
  return isZip;
}

async function* readAnyTar(
  reader: ByteReader,
  found: Recognized | undefined,
  { onUnpacked }: ReadArchiveOptions,
): AsyncGenerator<ArchiveMember, void, undefined> {
  if (found?.kind !== 'compressed') {
    yield* readTar(reader, found?.kind === 'tar');
    return;
  }
  const inner = new ByteReader(watched(decompress(reader.rest(), found.compression), onUnpacked));
  try {
    await inner.fill(SIGNATURE_LENGTH);
    const content = recognize(inner.peek(SIGNATURE_LENGTH));
    if (content !== undefined && content.kind !== 'tar') {
      throw refused(`Not a tar archive: ${found.name} that holds ${content.name}`);
    }
    yield* readTar(inner, content?.kind === 'tar');
  } finally {
    await inner.close();
  }
}

/** A zip is read in any order: from the file itself, else from all of the stream. */
async function accessTo(
  input: ArchiveInput,
  reader: ByteReader,
  onRead: ((bytes: number) => void) | undefined,
): Promise<RandomAccess> {
  if (input instanceof Uint8Array) return new BytesAccess(input);
  if (!('fd' in input)) return gather(reader.rest());
  const file = new FileAccess(input.fd);
  onRead?.(file.size);
  return { size: file.size, read: (at, length) => file.read(at, length), close: () => {} };
}

const PIECE = 256 << 10;

async function* streamOf(input: ArchiveInput): AsyncGenerator<Uint8Array, void, undefined> {
  if (input instanceof Uint8Array) yield asBuffer(input);
  else if ('fd' in input) {
    const file = new FileAccess(input.fd);
    for (let at = 0; at < file.size; at += PIECE) {
      const piece = await file.read(at, PIECE);
      if (piece.length === 0) throw corrupt('it shrank while it was read');
      yield piece;
    }
  } else yield* input;
}

async function* watched(
  source: AsyncIterable<Uint8Array>,
  look: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    look?.(chunk.length);
    yield chunk;
  }
}
