/**
 * Thins a branch: reduces its first-parent history to the snapshots that a policy keeps, each with its
 * tree, message, author and dates. Tags and notes move with their snapshots, all in one transaction, so
 * that a killed process leaves the old history or the new one. A private ref keeps the removed snapshots
 * and the branch's old log for the grace time of `gc`.
 */
import { randomBytes } from 'node:crypto';
import { KeyNotFoundError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { type Commit, serializeCommit } from '../../git/objects/commit.ts';
import { DELETED_REFS } from '../../storage/refRules.ts';
import type { ObjectWriter, RefUpdate } from '../../storage/storage.ts';
import { inSession } from '../commit/commit.ts';
import { type RetryOptions, withRetries } from '../commit/retry.ts';
import type { StoreContext } from '../context/context.ts';
import {
  fullRefName,
  loadSnapshot,
  type Snapshot,
  type SnapshotRef,
  THINNED,
} from '../context/snapshot.ts';
import { findRef } from '../refs/resolve.ts';
import { keptByPolicy, type ThinPolicy } from './retention.ts';
import { moveNotes, moveTags, tagsOn } from './rewritten.ts';
import { beyondSize } from './sizeLimit.ts';

export interface ThinOptions extends Pick<RetryOptions, 'signal'> {
  /** Change nothing; return what would change. */
  readonly dryRun?: boolean | undefined;
}

/** A snapshot of the history before it was thinned. */
export interface ThinnedSnapshot {
  readonly old: ObjectId;
  /** Its new id; null when it is removed. On a dry run its old id. */
  readonly new: ObjectId | null;
  /** Reasons to keep it: `last`, `daily`, `tag`, `newest`, …; empty when it is removed. */
  readonly reasons: readonly string[];
  /** Seconds since 1970. */
  readonly time: number;
  readonly message: string;
}

export interface Thinned {
  readonly snapshot: Snapshot;
  /** Newest first. */
  readonly line: readonly ThinnedSnapshot[];
}

interface Line {
  readonly id: ObjectId;
  readonly commit: Commit;
}

/** @throws KeyNotFoundError when the branch does not exist */
export function thinBranch(
  store: StoreContext,
  name: string,
  policy: ThinPolicy,
  { dryRun = false, signal }: ThinOptions,
): Promise<Thinned> {
  const branch: SnapshotRef = { kind: 'branch', name };
  const attempt = async (): Promise<Thinned> => {
    const tip = await findRef(store, branch);
    if (tip === undefined) throw new KeyNotFoundError(`Branch not found: ${name}`, { ref: name });
    return thin(tip, policy, { dryRun, signal });
  };
  return withRetries(store, fullRefName(branch), attempt, { retries: 20, signal });
}

async function thin(
  tip: Snapshot,
  policy: ThinPolicy,
  { dryRun, signal }: { dryRun: boolean; signal: AbortSignal | undefined },
): Promise<Thinned> {
  const { store } = tip;
  const line = await lineOf(tip, signal);
  const onLine = new Set(line.map(({ id }) => id));
  const tags = await tagsOn(store, onLine);
  const kept = keptByPolicy(line, policy);
  const keep = (id: ObjectId, reason: string): void => {
    kept.set(id, [...(kept.get(id) ?? []), reason]);
  };
  for (const { commit } of tags) keep(commit, 'tag');
  if (!kept.has(tip.id)) keep(tip.id, 'newest');
  if (policy.maxSize !== undefined) {
    const staying = new Set([tip.id, ...tags.map(({ commit }) => commit)]);
    const candidates = line.filter(({ id }) => kept.has(id));
    const moving = new Set([fullRefName(tip.ref!), ...tags.map(({ ref }) => ref)]);
    const gone = await beyondSize(store, candidates, staying, moving, policy.maxSize, signal);
    for (const id of gone) kept.delete(id);
  }
  const told = (moved: ReadonlyMap<ObjectId, ObjectId>): ThinnedSnapshot[] =>
    line.map(({ id, commit }) => ({
      old: id,
      new: kept.has(id) ? (moved.get(id) ?? id) : null,
      reasons: kept.get(id) ?? [],
      time: commit.committer.time,
      message: commit.message,
    }));
  if (dryRun || kept.size === line.length) return { snapshot: tip, line: told(new Map()) };
  return inSession(store, async (writer) => {
    const moved = await rewrite(
      line.filter(({ id }) => kept.has(id)),
      writer,
    );
    const updates = [
      ...moveBranch(tip, moved.get(tip.id)!),
      ...(await moveTags(tags, moved, writer, store, 'thin')),
      ...(await moveNotes(store, moved, writer)),
    ];
    await writer.finish();
    signal?.throwIfAborted();
    await store.refs.update(updates);
    store.wrote();
    const snapshot = await loadSnapshot(store, moved.get(tip.id)!, tip.ref);
    return { snapshot, line: told(moved) };
  });
}

/** The snapshot and its first parents, newest first. */
async function lineOf(tip: Snapshot, signal: AbortSignal | undefined): Promise<Line[]> {
  const { commits } = tip.store;
  const line: Line[] = [];
  for (let { id, commit } = tip; ; ) {
    line.push({ id, commit });
    if (line.length % 1024 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    const parent = commit.parents[0];
    if (parent === undefined) return line;
    id = parent;
    commit = commits.tryGet(parent) ?? (await commits.getUncached(parent));
  }
}

/**
 * Writes the kept snapshots, each as the child of the previous one.
 * @param kept newest first
 * @returns a map from old to new ids
 */
async function rewrite(
  kept: readonly Line[],
  writer: ObjectWriter,
): Promise<Map<ObjectId, ObjectId>> {
  const moved = new Map<ObjectId, ObjectId>();
  let parent: ObjectId | undefined;
  for (const { id, commit } of kept.toReversed()) {
    const isSame = commit.parents.length === (parent === undefined ? 0 : 1);
    if (isSame && commit.parents[0] === parent) {
      moved.set(id, id);
      parent = id;
      continue;
    }
    const parents = parent === undefined ? [] : [parent];
    // Signatures cover the old parents.
    const extraHeaders = commit.extraHeaders.filter(({ key }) => !/^(gpgsig|mergetag)/.test(key));
    parent = await writer.write('commit', serializeCommit({ ...commit, parents, extraHeaders }));
    moved.set(id, parent);
  }
  return moved;
}

/** Moves the branch, and keeps its old value and log. */
function moveBranch(tip: Snapshot, to: ObjectId): RefUpdate[] {
  const { store } = tip;
  const ref = fullRefName(tip.ref!);
  const who = store.signature();
  const fraction = String(store.now() % 1000).padStart(3, '0');
  const past = `${DELETED_REFS}${who.time}-${fraction}${randomBytes(8).toString('hex')}`;
  return [
    // This comes first, so that it gets the old log.
    {
      ref: past,
      old: null,
      new: tip.id,
      logOf: ref,
      reflog: { who, message: `${THINNED}${ref}` },
    },
    { ref, old: tip.id, new: to, reflog: { who, message: 'thin' }, restartsLog: true },
  ];
}
