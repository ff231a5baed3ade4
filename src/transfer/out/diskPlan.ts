/** A plan from a tree to the local disk. */
import type { TreeEntry } from '../../git/objects/tree.ts';
import type { Plan } from '../plan/copyPlan.ts';
import type { ScannedEntry } from '../record/scannedDirectory.ts';

export type DiskPlan = Plan<TreeEntry, ScannedEntry>;
export type DiskFile = DiskPlan['files'][number];
