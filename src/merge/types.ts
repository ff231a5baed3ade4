/**
 * What a merge works with. A *side* is one of three trees: the *base* that both histories come from,
 * *ours* and *theirs*. A *version* is what a side has at a path: a file, a link or a submodule.
 */
import type { ObjectId } from '../git/objectId.ts';
import { type FileMode, isFileMode } from '../git/objects/tree.ts';

export interface Version {
  readonly mode: FileMode;
  readonly id: ObjectId;
}

export type Versions = [
  base: Version | undefined,
  ours: Version | undefined,
  theirs: Version | undefined,
];

export const BASE = 0;
export const OURS = 1;
export const THEIRS = 2;

/** One of the two sides that are merged. */
export type Side = typeof OURS | typeof THEIRS;

export const SIDES: readonly Side[] = [OURS, THEIRS];

export function otherSide(side: Side): Side {
  return side === OURS ? THEIRS : OURS;
}

/** Whether both are there and the same. */
export function isSame(a: Version | undefined, b: Version | undefined): boolean {
  return a !== undefined && b !== undefined && a.id === b.id && a.mode === b.mode;
}

/** Files count as one kind, whether they are executable or not. */
const TYPE_BITS = 0o170000;

export function isSameKind(a: Version, b: Version): boolean {
  return (a.mode & TYPE_BITS) === (b.mode & TYPE_BITS);
}

export function isFile(version: Version): boolean {
  return isFileMode(version.mode);
}
