/**
 * The archive formats, the names that stand for them, and the first bytes that give them away.
 */
import { checkText } from '../optionTypes.ts';

/** What an archive is: a zip, or a tar, plain or inside one compressed stream. */
export type ArchiveFormat = 'zip' | 'tar' | 'tar.gz' | 'tar.bz2' | 'tar.xz' | 'tar.zst';

/** How a tar is compressed. */
export type Compression = 'gz' | 'bz2' | 'xz' | 'zst';

export const ARCHIVE_FORMATS: readonly ArchiveFormat[] = [
  'zip',
  'tar',
  'tar.gz',
  'tar.bz2',
  'tar.xz',
  'tar.zst',
];

const EXTENSIONS: readonly (readonly [string, ArchiveFormat])[] = [
  ['.zip', 'zip'],
  ['.tar', 'tar'],
  ['.tar.gz', 'tar.gz'],
  ['.tgz', 'tar.gz'],
  ['.tar.bz2', 'tar.bz2'],
  ['.tbz2', 'tar.bz2'],
  ['.tbz', 'tar.bz2'],
  ['.tar.xz', 'tar.xz'],
  ['.txz', 'tar.xz'],
  ['.tar.zst', 'tar.zst'],
  ['.tzst', 'tar.zst'],
];

/** The format that a file's name stands for, in any letter case. */
export function archiveFormatOf(name: string): ArchiveFormat | undefined {
  checkText(name, 'A name');
  const lower = name.toLowerCase();
  return EXTENSIONS.find(([extension]) => lower.endsWith(extension))?.[1];
}

export function compressionOf(format: ArchiveFormat): Compression | undefined {
  switch (format) {
    case 'tar.gz':
      return 'gz';
    case 'tar.bz2':
      return 'bz2';
    case 'tar.xz':
      return 'xz';
    case 'tar.zst':
      return 'zst';
    default:
      return undefined;
  }
}

/** How many bytes `recognize` needs to see. */
export const SIGNATURE_LENGTH = 265;

/** What the first bytes of a stream say that it is; `name` is for people. */
export type Recognized =
  | { readonly kind: 'zip' | 'tar'; readonly name: string }
  | { readonly kind: 'compressed'; readonly compression: Compression; readonly name: string }
  | { readonly kind: 'foreign'; readonly name: string };

const SIGNATURES: readonly (readonly [number[], Recognized])[] = [
  [[0x50, 0x4b, 3, 4], { kind: 'zip', name: 'a zip archive' }],
  [[0x50, 0x4b, 5, 6], { kind: 'zip', name: 'an empty zip archive' }],
  [[0x1f, 0x8b], { kind: 'compressed', compression: 'gz', name: 'data compressed with gzip' }],
  [
    [0x42, 0x5a, 0x68],
    { kind: 'compressed', compression: 'bz2', name: 'data compressed with bzip2' },
  ],
  [
    [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
    { kind: 'compressed', compression: 'xz', name: 'data compressed with xz' },
  ],
  [
    [0x28, 0xb5, 0x2f, 0xfd],
    { kind: 'compressed', compression: 'zst', name: 'data compressed with Zstandard' },
  ],
  [[0x1f, 0x9d], { kind: 'foreign', name: 'data compressed with compress (.Z)' }],
  [[0x4c, 0x5a, 0x49, 0x50], { kind: 'foreign', name: 'data compressed with lzip' }],
  [[0x5d, 0, 0], { kind: 'foreign', name: 'data compressed with lzma' }],
  [[0x04, 0x22, 0x4d, 0x18], { kind: 'foreign', name: 'data compressed with lz4' }],
  [[0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], { kind: 'foreign', name: 'a 7z archive' }],
  [[0x52, 0x61, 0x72, 0x21, 0x1a, 7], { kind: 'foreign', name: 'a RAR archive' }],
];

/** Skippable frames, which may stand before Zstandard's own. */
function isSkippableFrame(head: Uint8Array): boolean {
  return (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
}

/** What the first bytes give away; undefined when they tell nothing. */
export function recognize(head: Uint8Array): Recognized | undefined {
  for (const [bytes, result] of SIGNATURES) {
    if (bytes.every((byte, i) => head[i] === byte)) return result;
  }
  if (head.length >= 4 && isSkippableFrame(head)) {
    return { kind: 'compressed', compression: 'zst', name: 'data compressed with Zstandard' };
  }
  const isTar = [0x75, 0x73, 0x74, 0x61, 0x72].every((byte, i) => head[257 + i] === byte);
  return isTar ? { kind: 'tar', name: 'a tar archive' } : undefined;
}
