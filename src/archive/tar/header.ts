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
  /** Bytes, or text of ASCII alone. */
  readonly name: Uint8Array | string;
  readonly prefix?: Uint8Array | undefined;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
  readonly linkName?: Uint8Array | undefined;
}

/** Largest number in eleven octal digits: what a size or a time may be in a header. */
export const MAX_OCTAL = 0o77777777777;

/** Writes headers that share an owner (root, 0) and a time. */
export class HeaderWriter {
  /** A header without what differs, and the sum of its bytes with blanks for the sum. */
  readonly #template = Buffer.alloc(BLOCK);
  readonly #sum: number;

  /** @param time in seconds since the epoch, at most `MAX_OCTAL` */
  constructor(time: number) {
    const template = this.#template;
    octal(template, 108, 7, 0);
    octal(template, 116, 7, 0);
    octal(template, 136, 11, time);
    template.fill(0x20, 148, 156);
    template.write('ustar\x0000root', 257, 'latin1');
    template.write('root', 297, 'latin1');
    octal(template, 329, 7, 0);
    octal(template, 337, 7, 0);
    this.#sum = sumOf(template, 0, BLOCK);
  }

  /** Writes a header to 512 bytes at `at`. Texts and numbers must fit their fields. */
  put(target: Buffer, at: number, header: NewHeader): void {
    const { name, prefix, linkName } = header;
    target.set(this.#template, at);
    let sum = this.#sum;
    if (typeof name === 'string') target.write(name, at, 'latin1');
    else target.set(name, at);
    sum += sumOf(target, at, at + name.length);
    octal(target, at + 100, 7, header.mode);
    octal(target, at + 124, 11, header.size);
    sum += sumOf(target, at + 100, at + 107) + sumOf(target, at + 124, at + 135);
    const type = header.type.charCodeAt(0);
    target[at + 156] = type;
    sum += type;
    if (linkName !== undefined) {
      target.set(linkName, at + 157);
      sum += sumOf(linkName, 0, linkName.length);
    }
    if (prefix !== undefined) {
      target.set(prefix, at + 345);
      sum += sumOf(prefix, 0, prefix.length);
    }
    octal(target, at + 148, 6, sum);
    target[at + 154] = 0;
  }
}

function sumOf(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += bytes[i]!;
  return sum;
}

function octal(target: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  let i = at + digits - 1;
  for (; rest > 0x7fffffff; i--) {
    target[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
  for (; i >= at; i--) {
    target[i] = 0x30 | (rest & 7);
    rest >>>= 3;
  }
}

/** Bytes that fill the last block of a body of this size. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
