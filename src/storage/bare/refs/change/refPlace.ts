/** What changes of refs are made with. */
import type { Durability } from '../../../storage.ts';
import type { StoreLock } from '../../locks/storeLock.ts';
import type { PackedRefsFile } from '../files/packedRefsFile.ts';
import type { ReflogWriter } from '../files/reflogFile.ts';
import type { CheckedOut } from '../reading/checkedOut.ts';

/** The environment of a transaction. */
export interface RefPlace {
  readonly gitDir: string;
  readonly packed: PackedRefsFile;
  readonly lock: StoreLock;
  readonly reflogs: ReflogWriter;
  readonly durability: Durability;
  readonly checkedOut: CheckedOut | undefined;
  /** Called at critical points, for crash tests. */
  readonly onStep: (step: TransactionStep) => void;
}

export const PACKED_REFS_LOCK = 'packed-refs.lock';

export type TransactionStep = 'announced' | 'locked' | 'logged' | 'synced' | 'moved' | 'unlocked';
