/**
 * A pack file with holes: a partial copy of a remote pack. A caller calls `need` before it reads bytes. It
 * throws for missing bytes; a caller that can wait then fetches them and reads again.
 */
export interface Holes {
  /** Size of the whole pack in bytes. */
  readonly size: number;
  /** Opens the file for reading. */
  open(): number;
  close(): void;
  /** @throws MissingBytesError when any of the bytes is missing */
  need(start: number, end: number): void;
  has(start: number, end: number): boolean;
  /** Fetches the missing ones among the bytes. */
  fetch(start: number, end: number): Promise<void>;
}

export class MissingBytesError extends Error {
  readonly holes: Holes;
  readonly start: number;
  readonly end: number;

  constructor(holes: Holes, start: number, end: number) {
    super('Bytes of a pack are not here yet');
    this.holes = holes;
    this.start = start;
    this.end = end;
  }
}

/** Reads from packs that may have holes. May call `act` several times. */
export async function fetching<T>(act: () => Promise<T> | T): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof MissingBytesError)) throw error;
      await error.holes.fetch(error.start, error.end);
    }
  }
}
