/**
 * What the program writes: data to stdout, everything else to stderr. Both are written by their file
 * descriptors, so that a write that returned has left the process: nothing is lost when it exits,
 * and a slow reader slows the writer down instead of filling the memory.
 */

import { encodeText, hasLoneSurrogate } from '../../git/pathBytes.ts';
import { escapedChar } from '../../git/quoting.ts';
import { fstatSync, write as writeCallback, writeSync } from '../../storage/disk/fs.ts';
import { ClosedPipeError, streamError } from '../errors.ts';

const STDOUT = 1;
const STDERR = 2;

/** Up to this many bytes a blocking write costs less than a round through the thread pool. */
const SYNC_LIMIT = 64 * 1024;

const LINE_FEED = 0x0a;

/** Milliseconds to wait for a full pipe that another program has set to non-blocking. */
const RETRY_AFTER = 2;

/**
 * Writes all bytes to stdout.
 * @throws ClosedPipeError when the reader is gone
 */
export async function writeData(data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.length; ) {
    try {
      const rest = data.length - done;
      done +=
        rest <= SYNC_LIMIT
          ? writeSync(STDOUT, data, done, rest)
          : await writeInBackground(data, done, rest);
    } catch (error) {
      if (isOfClosedPipe(error)) throw new ClosedPipeError();
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        throw streamError(error, 'standard output');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
    }
  }
}

/** EOF is what Windows calls it; a pipe that is a socket is reset where something is left to read. */
function isOfClosedPipe(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'EOF' || code === 'ECONNRESET';
}

function writeInBackground(data: Uint8Array, offset: number, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writeCallback(STDOUT, data, offset, length, null, (error, written) => {
      if (error) reject(error);
      else resolve(written);
    });
  });
}

/** Lines for stdout, gathered into larger writes. Escaped bytes of names leave as those bytes. */
export class Lines {
  #block = Buffer.allocUnsafeSlow(SYNC_LIMIT);
  #length = 0;

  /** Takes one line without its end. Await it: it writes when enough has come together. */
  add(line: string): Promise<void> | undefined {
    // A character takes three bytes at the most.
    const most = line.length * 3 + 1;
    if (this.#length + most <= this.#block.length) return this.#put(line);
    return this.#makeRoom(most).then(() => this.#put(line));
  }

  /** The same for a line of bytes, one character each (Latin-1). */
  addBytes(line: string): Promise<void> | undefined {
    const most = line.length + 1;
    if (this.#length + most <= this.#block.length) return this.#putBytes(line);
    return this.#makeRoom(most).then(() => this.#putBytes(line));
  }

  async flush(): Promise<void> {
    const length = this.#length;
    this.#length = 0;
    if (length > 0) await writeData(this.#block.subarray(0, length));
  }

  async #makeRoom(bytes: number): Promise<void> {
    await this.flush();
    if (bytes > this.#block.length) this.#block = Buffer.allocUnsafeSlow(bytes);
  }

  #put(line: string): undefined {
    const block = this.#block;
    if (hasLoneSurrogate(line)) this.#length += encodeText(line).copy(block, this.#length);
    else this.#length += block.write(line, this.#length);
    block[this.#length++] = LINE_FEED;
  }

  #putBytes(line: string): undefined {
    this.#length += this.#block.write(line, this.#length, 'latin1');
    this.#block[this.#length++] = LINE_FEED;
  }
}

/** Writes one line to stdout. */
export async function printLine(line: string): Promise<void> {
  const lines = new Lines();
  await lines.add(line);
  await lines.flush();
}

/** Writes text to stdout at once, for help and version, which are small. */
export function printText(text: string): void {
  try {
    writeSync(STDOUT, text);
  } catch (error) {
    throw isOfClosedPipe(error) ? new ClosedPipeError() : streamError(error, 'standard output');
  }
}

/** Writes one line to stderr. A stderr that is closed or full is no reason to fail. */
export function printNote(line: string): void {
  const text = encodeText(`${line}\n`);
  for (let done = 0, tries = 0; done < text.length && tries < 100; ) {
    try {
      done += writeSync(STDERR, text, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      tries++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_AFTER);
    }
  }
}

/** Tells what is written another way now; the old way works for a while. */
export function printOldSpelling(old: string, now: string): void {
  printNote(`Note: ${old} is the old spelling of ${now}; a later version will not take it`);
}

/** Control characters, and escaped bytes (`git/pathBytes.ts`) that are no half of a pair. */
const UNPRINTABLE = String.raw`[\0-\x1f\x7f-\x9f]|(?<![\ud800-\udbff])[\udc80-\udcff]`;
const NEEDS_QUOTES = new RegExp(UNPRINTABLE);
const ESCAPED = new RegExp(`${UNPRINTABLE}|["\\\\]`, 'g');

/** Whether a person is at the other end of a descriptor. */
export function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd);
  } catch (error) {
    // It is closed.
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return false;
    throw error;
  }
}

let stdoutIsTerminal: boolean | undefined;

/**
 * A name as it is shown: on a terminal one that holds control characters or bytes that are no UTF-8
 * is quoted as Git quotes names (`"a\nb"`, git-config(1), core.quotePath), so that it can neither
 * drive the terminal nor pass for two names. Everywhere else a name is printed byte for byte.
 */
export function showName(name: string): string {
  return NEEDS_QUOTES.test(name) && isForTerminal() ? quoteName(name) : name;
}

/** A line of a text, of which a terminal shows what would drive it. Tabs stay. */
export function showLine(line: string): string {
  if (!NEEDS_QUOTES.test(line) || !isForTerminal()) return line;
  return line.replace(ESCAPED, (char) => ('\t"\\'.includes(char) ? char : escapedChar(char)));
}

function isForTerminal(): boolean {
  stdoutIsTerminal ??= fstatSync(STDOUT).isCharacterDevice();
  return stdoutIsTerminal;
}

/** The name in Git's quotes. */
export function quoteName(name: string): string {
  return `"${name.replace(ESCAPED, escapedChar)}"`;
}
