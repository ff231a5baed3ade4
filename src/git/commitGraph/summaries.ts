/**
 * What a log shows of each commit, as a chunk of our own in a commit-graph: the author, the date and the first line
 * of the message. Git and other programs skip chunks that they do not know (gitformat-commit-graph(5)). A graph that
 * another program writes anew lacks it; then the commits are read.
 *
 * All numbers are big-endian:
 *
 *     version, CRC-32 of all that follows, number of people      4 bytes each
 *     for each commit of the file, in its order                  ROW_LENGTH bytes
 *         end of its subject in the subjects                     4 bytes
 *         number of the author among the people, or NONE         4 bytes
 *         committer's time: seconds since 1970                   4 bytes
 *         committer's zone: minutes east of UTC                  2 bytes
 *     for each of the people the end of its text                 4 bytes
 *     people: name, NUL, mail                                    UTF-8
 *     subjects                                                   UTF-8
 *
 * A commit that does not fit in here unchanged has NONE as its author.
 */
import { crc32 } from 'node:zlib';
import type { CommitSummary } from '../objects/commitText.ts';

/** Name of the chunk. */
export const SUMMARIES = 'GSUM';

const VERSION = 1;
const HEADER_LENGTH = 12;
/** Bytes that the CRC-32 does not cover. */
const UNCOVERED = 8;
const ROW_LENGTH = 14;
const NONE = 0xffffffff;
const LARGEST_TIME = 0xffffffff;
const LARGEST_ZONE = 0x7fff;
/** Longer subjects are left to the commits. In UTF-16 units. */
const LONGEST_SUBJECT = 1000;
/** Bytes of all subjects, at most: about half of what the ends can express. */
const MOST_BYTES = 2 ** 31;

/** Gathers summaries by row, in any order, and makes the chunk of them. */
export class SummaryWriter {
  readonly #rows: Buffer;
  readonly #subjects: (Buffer | undefined)[];
  readonly #people = new Map<string, number>();

  constructor(count: number) {
    this.#rows = Buffer.alloc(count * ROW_LENGTH);
    this.#subjects = new Array(count);
  }

  set(row: number, summary: CommitSummary): void {
    const at = row * ROW_LENGTH;
    const person = `${summary.authorName}\0${summary.authorEmail}`;
    const fits = isPlain(summary);
    this.#rows.writeUInt32BE(fits ? this.#numberOf(person) : NONE, at + 4);
    if (!fits) return;
    this.#subjects[row] = Buffer.from(summary.subject);
    this.#rows.writeUInt32BE(summary.time, at + 8);
    this.#rows.writeInt16BE(summary.offset, at + 12);
  }

  /** Call it last. Undefined when there is too much for one chunk. */
  finish(): Buffer | undefined {
    const rows = this.#rows;
    let end = 0;
    for (let at = 0, row = 0; at < rows.length; at += ROW_LENGTH, row++) {
      end += this.#subjects[row]?.length ?? 0;
      if (end > MOST_BYTES) return undefined;
      rows.writeUInt32BE(end, at);
    }
    const people = Array.from(this.#people.keys(), (text) => Buffer.from(text));
    const ends = Buffer.alloc(people.length * 4);
    end = 0;
    for (const [i, text] of people.entries()) {
      end += text.length;
      if (end > MOST_BYTES) return undefined;
      ends.writeUInt32BE(end, i * 4);
    }
    const header = Buffer.alloc(HEADER_LENGTH);
    header.writeUInt32BE(VERSION, 0);
    header.writeUInt32BE(people.length, 8);
    const subjects = this.#subjects.filter((subject) => subject !== undefined);
    const chunk = Buffer.concat([header, rows, ends, ...people, ...subjects]);
    chunk.writeUInt32BE(crc32(chunk.subarray(UNCOVERED)), 4);
    return chunk;
  }

  #numberOf(person: string): number {
    let number = this.#people.get(person);
    if (number === undefined) {
      number = this.#people.size;
      this.#people.set(person, number);
    }
    return number;
  }
}

/** Whether a row keeps it exactly. */
function isPlain({ authorName, authorEmail, time, offset, subject }: CommitSummary): boolean {
  const text = authorName + authorEmail + subject;
  return (
    Number.isInteger(time) &&
    time >= 0 &&
    time <= LARGEST_TIME &&
    Number.isInteger(offset) &&
    Math.abs(offset) <= LARGEST_ZONE &&
    // Git's `-0000`.
    !Object.is(offset, -0) &&
    subject.length <= LONGEST_SUBJECT &&
    !text.includes('\0') &&
    Buffer.from(text).toString() === text
  );
}

export class Summaries {
  readonly #bytes: Buffer;
  readonly #numbers: DataView;
  /** Offsets in `bytes`. */
  readonly #ends: number;
  readonly #people: number;
  readonly #subjects: number;
  readonly #known: (Person | undefined)[];

  /** The summaries of a file of `count` commits; undefined for a damaged chunk, or one of another version. */
  static parse(bytes: Buffer, count: number): Summaries | undefined {
    const ends = HEADER_LENGTH + count * ROW_LENGTH;
    if (bytes.length < ends || bytes.readUInt32BE(0) !== VERSION) return undefined;
    if (bytes.readUInt32BE(4) !== crc32(bytes.subarray(UNCOVERED))) return undefined;
    const people = bytes.readUInt32BE(UNCOVERED);
    return ends + people * 4 <= bytes.length ? new Summaries(bytes, ends, people) : undefined;
  }

  private constructor(bytes: Buffer, ends: number, people: number) {
    this.#bytes = bytes;
    this.#numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#ends = ends;
    this.#known = new Array(people);
    this.#people = ends + people * 4;
    this.#subjects = this.#people + (people === 0 ? 0 : bytes.readUInt32BE(this.#people - 4));
  }

  /** Undefined for a commit that must be read. */
  at(row: number): CommitSummary | undefined {
    const numbers = this.#numbers;
    const at = HEADER_LENGTH + row * ROW_LENGTH;
    const author = numbers.getUint32(at + 4);
    if (author >= this.#known.length) return undefined;
    const start = row === 0 ? 0 : numbers.getUint32(at - ROW_LENGTH);
    const end = numbers.getUint32(at);
    const { name, email } = this.#known[author] ?? this.#person(author);
    return {
      authorName: name,
      authorEmail: email,
      time: numbers.getUint32(at + 8),
      offset: numbers.getInt16(at + 12),
      subject: this.#bytes.toString('utf8', this.#subjects + start, this.#subjects + end),
    };
  }

  #person(number: number): Person {
    const at = this.#ends + number * 4;
    const start = number === 0 ? 0 : this.#numbers.getUint32(at - 4);
    const end = this.#numbers.getUint32(at);
    const text = this.#bytes.toString('utf8', this.#people + start, this.#people + end);
    const split = text.indexOf('\0');
    const person = { name: text.slice(0, split), email: text.slice(split + 1) };
    this.#known[number] = person;
    return person;
  }
}

interface Person {
  readonly name: string;
  readonly email: string;
}
