/**
 * The header block of a tar member: 512 bytes, in the POSIX `ustar` form (pax(1p)), the older V7 form,
 * and GNU tar's. Numbers are octal digits, or in GNU's form base 256.
 */

export const BLOCK = 512;

/** One header block, its numbers read and its texts as bytes. */
export interface TarHeader {
  readonly name: Buffer;
  readonly mode: number;
  readonly size: number;
  /** The letter that says what kind of member it is; `\0` counts as `0`. */
  readonly type: string;
  readonly linkName: Buffer;
  /** The whole block, for what only some kinds have. */
  readonly block: Buffer;
}

/** Why a block is no header. */
export class BadHeader extends Error {}

export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZEROS);
}

const ZEROS = Buffer.alloc(BLOCK);

/** @throws BadHeader */
export function parseTarHeader(block: Buffer): TarHeader {
  checkSum(block);
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156]!);
  let name = textField(block, 0, 100);
  const magic = block.toString('latin1', 257, 265);
  if (magic.startsWith('ustar\0')) {
    const prefix = textField(block, 345, 155);
    if (prefix.length > 0) name = Buffer.concat([prefix, Buffer.from('/'), name]);
  }
  return {
    name,
    mode: parseNumber(block, 100, 8),
    size: parseNumber(block, 124, 12),
    type,
    linkName: textField(block, 157, 100),
    block,
  };
}

/** The sum of all bytes, those of the sum itself counted as blanks. Old tars added signed bytes. */
function checkSum(block: Buffer): void {
  let sum = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : block[i]!;
    sum += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const stored = parseNumber(block, 148, 8);
  if (stored !== sum && stored !== signed) throw new BadHeader('its checksum does not fit');
}

/** Bytes up to the first NUL. */
export function textField(block: Buffer, at: number, length: number): Buffer {
  const end = block.indexOf(0, at);
  return Buffer.from(block.subarray(at, end < 0 || end > at + length ? at + length : end));
}

/** @throws BadHeader for what is no number, or one that is negative or beyond 2^53 */
export function parseNumber(block: Buffer, at: number, length: number): number {
  const first = block[at]!;
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f;
    if (first === 0xff) throw new BadHeader('a number is negative');
    for (let i = at + 1; i < at + length; i++) value = value * 256 + block[i]!;
    if (!Number.isSafeInteger(value)) throw new BadHeader('a number is too large');
    return value;
  }
  let value = 0;
  let i = at;
  const end = at + length;
  while (i < end && block[i] === 0x20) i++;
  for (; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (i < end && block[i] !== 0 && block[i] !== 0x20) throw new BadHeader('a number is not octal');
  return value;
}

/** What is written of a member; everything else is the same for all. */
export interface NewHeader {
  readonly name: Uint8Array;
  readonly prefix?: Uint8Array;
  readonly mode: number;
  readonly size: number;
  readonly time: number;
  readonly type: string;
  readonly linkName?: Uint8Array;
}

/** Largest number in eleven octal digits: what a size or a time may be in a header. */
export const MAX_OCTAL = 0o77777777777;

/** Writes a header into 512 zero bytes at `at`. Texts and numbers must fit their fields. */
export function putTarHeader(target: Buffer, at: number, header: NewHeader): void {
  const { name, prefix, linkName } = header;
  target.set(name, at);
  octal(target, at + 100, 7, header.mode);
  octal(target, at + 108, 7, 0);
  octal(target, at + 116, 7, 0);
  octal(target, at + 124, 11, header.size);
  octal(target, at + 136, 11, header.time);
  target.fill(0x20, at + 148, at + 156);
  target[at + 156] = header.type.charCodeAt(0);
  if (linkName !== undefined) target.set(linkName, at + 157);
  target.write('ustar\x0000root', at + 257, 'latin1');
  target.write('root', at + 297, 'latin1');
  octal(target, at + 329, 7, 0);
  octal(target, at + 337, 7, 0);
  if (prefix !== undefined) target.set(prefix, at + 345);
  let sum = 0;
  for (let i = at; i < at + BLOCK; i++) sum += target[i]!;
  octal(target, at + 148, 6, sum);
  target[at + 154] = 0;
}

function octal(target: Buffer, at: number, digits: number, value: number): void {
  for (let i = at + digits - 1, rest = value; i >= at; i--) {
    target[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/** Bytes that fill the last block of a body of this size. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
