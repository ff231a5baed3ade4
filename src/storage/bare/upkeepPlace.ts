/** What packing, collecting and checking a bare repository work on. */
import type { Durability } from '../storage.ts';
import type { BareRefs } from './refs.ts';

export interface UpkeepPlace {
  readonly gitDir: string;
  readonly refs: BareRefs;
  readonly durability: Durability;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
