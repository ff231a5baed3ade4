/** The changes of a backup or restore: refs to create, move and delete on the receiving side. */
import type { ObjectId } from '../git/objectId.ts';
import { comparePaths } from '../git/pathBytes.ts';
import type { StoreWarning } from '../warnings.ts';

export interface RefChange {
  /** Full name, such as `refs/heads/main`. */
  readonly ref: string;
  /** Old value; absent when the ref is created. */
  readonly oldTarget?: ObjectId;
  /** New value; absent when the ref is deleted. */
  readonly newTarget?: ObjectId;
}

/** Changes of refs on the receiving side, each list sorted by name. */
export class MirrorDiff {
  readonly add: readonly RefChange[];
  readonly update: readonly RefChange[];
  readonly delete: readonly RefChange[];
  /** Full name of the branch that HEAD of the remote names, if known. */
  readonly remoteHead: string | undefined;
  /** What was skipped: unreadable refs of the other side, and deletions that it refused. */
  readonly warnings: readonly StoreWarning[];

  /** Whether the source has no branch, tag or note. `inSync` is true then as well. */
  readonly isEmptySource: boolean;

  /** @internal */
  constructor(
    changes: Iterable<RefChange> = [],
    remoteHead?: string,
    warnings: readonly StoreWarning[] = [],
    isEmptySource = false,
  ) {
    this.isEmptySource = isEmptySource;
    this.warnings = warnings;
    const sorted = [...changes].sort((a, b) => comparePaths(a.ref, b.ref));
    this.add = sorted.filter(({ oldTarget }) => oldTarget === undefined);
    this.update = sorted.filter((c) => c.oldTarget !== undefined && c.newTarget !== undefined);
    this.delete = sorted.filter(({ newTarget }) => newTarget === undefined);
    this.remoteHead = remoteHead;
  }

  /**
   * The diff without changes that were not made.
   * @internal
   */
  without(
    refused: ReadonlyMap<string, string>,
    tell: (ref: string, why: string) => StoreWarning,
  ): MirrorDiff {
    if (refused.size === 0) return this;
    const made = [...this.changes()].filter(({ ref }) => !refused.has(ref));
    const told = Array.from(refused, ([ref, why]) => tell(ref, why));
    return new MirrorDiff(made, this.remoteHead, [...this.warnings, ...told]);
  }

  /** Whether both sides are already equal. */
  get inSync(): boolean {
    return this.total === 0;
  }

  /** Number of changed refs. */
  get total(): number {
    return this.add.length + this.update.length + this.delete.length;
  }

  /** All changes, deletions first, because an old name may block a new one. */
  *changes(): Generator<RefChange> {
    yield* this.delete;
    yield* this.update;
    yield* this.add;
  }
}

/**
 * The changes after which every ref of `wanted` is in `present`.
 * @param deletes whether to delete unwanted refs
 */
export function diffRefs(
  wanted: ReadonlyMap<string, ObjectId>,
  present: ReadonlyMap<string, ObjectId>,
  deletes: boolean,
  {
    remoteHead,
    warnings,
  }: { remoteHead?: string | undefined; warnings?: readonly StoreWarning[] } = {},
): MirrorDiff {
  const changes: RefChange[] = [];
  for (const [ref, newTarget] of wanted) {
    const oldTarget = present.get(ref);
    if (oldTarget === undefined) changes.push({ ref, newTarget });
    else if (oldTarget !== newTarget) changes.push({ ref, oldTarget, newTarget });
  }
  if (deletes) {
    for (const [ref, oldTarget] of present) {
      if (!wanted.has(ref)) changes.push({ ref, oldTarget });
    }
  }
  return new MirrorDiff(changes, remoteHead, warnings, wanted.size === 0);
}
