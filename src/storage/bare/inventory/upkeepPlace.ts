/** What packing, collecting and checking a bare repository work on. */
import type { BareRefs } from '../refs/refs.ts';

export interface UpkeepPlace {
  readonly gitDir: string;
  readonly refs: BareRefs;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
