/** Keeps a small archive from unpacking without end. */
import { ArchiveError } from '../errors.ts';
import type { ArchiveLimits } from './options.ts';

const FREE_BYTES = 16 * 2 ** 30;
const FREE_RATIO = 200;
const DEFAULT_FILES = 2_000_000;

export class Allowance {
  readonly #maxSize: number | undefined;
  readonly #maxFiles: number;
  #packed = 0;
  #decompressed = 0;
  #content = 0;
  #files = 0;

  constructor({ maxSize, maxFiles = DEFAULT_FILES }: ArchiveLimits) {
    this.#maxSize = maxSize;
    this.#maxFiles = maxFiles;
  }

  /** Bytes of the archive itself. */
  packed(bytes: number): void {
    this.#packed += bytes;
  }

  /** Bytes that came out of the compression around a tar. @throws ArchiveError */
  decompressed(bytes: number): void {
    this.#decompressed += bytes;
    this.#check(this.#decompressed);
  }

  /** Bytes of members. @throws ArchiveError */
  content(bytes: number): void {
    this.#content += bytes;
    this.#check(this.#content);
  }

  /** One member more. @throws ArchiveError */
  member(): void {
    this.#files += 1;
    if (this.#files > this.#maxFiles) {
      throw new ArchiveError(`The archive has more than ${this.#maxFiles} members`, {
        option: 'maxFiles',
      });
    }
  }

  #check(bytes: number): void {
    if (this.#maxSize !== undefined) {
      if (bytes > this.#maxSize) throw tooLarge(this.#maxSize);
    } else if (bytes > FREE_BYTES && bytes > FREE_RATIO * this.#packed) {
      throw tooLarge(Math.max(FREE_BYTES, FREE_RATIO * this.#packed));
    }
  }
}

function tooLarge(limit: number): ArchiveError {
  return new ArchiveError(`The archive unpacks to more than ${limit} bytes`, { option: 'maxSize' });
}
