/**
 * A pack file of which some bytes may be missing: a copy of one that is kept elsewhere. A caller asks for the
 * bytes before it reads them. What is missing is thrown; a caller that can wait fetches it and reads again.
 */
export interface Holes {
  /** Of the whole pack, in bytes. */
  readonly size: number;
  /** Opens the file for reading. */
  open(): number;
  close(): void;
  /** @throws MissingBytesError when one of the bytes is not there */
  need(start: number, end: number): void;
  has(start: number, end: number): boolean;
  /** Makes sure that the bytes are there. */
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

/** Reads from packs that may have holes; `act` may be called several times. */
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
