/**
 * Backup and restore. A backup makes a remote equal to the store: it pushes every branch, tag and note, and
 * deletes all others there. A restore fetches those of a remote into the store: it adds and updates, never
 * deletes, and leaves HEAD alone.
 */

import { CorruptObjectError, GitStoreError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { Identity } from '../git/objects/commit.ts';
import { redactUrl } from '../git/wire/redactUrl.ts';
import { checkComplete } from '../graph/connected.ts';
import { shown } from '../optionTypes.ts';
import { lacksObject } from '../storage/missingObject.ts';
import { requireAll, unreadableWarning } from '../storage/refRules.ts';
import type { RefUpdate, Storage, UnreadableRef } from '../storage/storage.ts';
import { typedFault } from '../systemFaults.ts';
import type { StoreWarning } from '../warnings.ts';
import { diffRefs, type MirrorDiff } from './mirrorDiff.ts';
import type { MirrorOptions } from './mirrorOptions.ts';
import { openRemote } from './openRemote.ts';
import { inOrder } from './pushOrder.ts';
import type { Remote, TransferOptions } from './remote.ts';
import { Secrets } from './secrets.ts';
import { mayBeMirrored, prefixesOf, selectRefs } from './selection.ts';
import { type Squashed, squashRefs, writeSquashed } from './squash.ts';

/** @param who identity for reflogs on the other side */
export async function backup(
  storage: Storage,
  url: string,
  who: Identity,
  options: MirrorOptions = {},
): Promise<MirrorDiff> {
  return withRemote(storage, url, options, async (remote, onMessage) => {
    const { refs: selection, dryRun = false } = options;
    const own = await storage.refs.list('refs/');
    let wanted = selectRefs(own, selection);
    if (selection === undefined) {
      requireAll(own, NOT_BACKED_UP, (one) => one.kind === 'broken' && mayBeMirrored(one));
    }
    if (wanted.size === 0) {
      // A backup must never delete everything at its destination.
      throw new GitStoreError('The store has no branch, tag or note: there is nothing to back up');
    }
    let squashed: Squashed | undefined;
    if (options.squash) {
      squashed = await squashRefs(storage, wanted);
      wanted = squashed.refs;
    }
    const listed = await remote.list(prefixesOf(selection), 'push');
    const present = new Map(listed.refs.map(({ ref, id }) => [ref, id]));
    // A dangling symbolic ref has no value, and must not cause a deletion there.
    if (selection === undefined) requireAll(own, NOT_BACKED_UP, ({ ref }) => present.has(ref));
    const replaces = selection === undefined || remote.replaces === true;
    const left = (listed.unreadable ?? []).filter(({ ref }) => !wanted.has(ref));
    const diff = diffRefs(wanted, present, replaces, {
      remoteHead: listed.head,
      warnings: replaces ? left.map((one) => leftOut(remote, one)) : [],
    });
    if (dryRun || diff.inSync) return diff;
    if (squashed !== undefined) await writeSquashed(storage, squashed);
    const head = await storage.refs.head();
    const request = { diff, refs: wanted, who, head: 'ref' in head ? head.ref : undefined };
    const refused = await remote.push(storage, request, { ...options, onMessage });
    return diff.without(refused, (ref, why) => notMade(remote, ref, why));
  });
}

/** @param who identity for reflogs of the store */
export async function restore(
  storage: Storage,
  url: string,
  who: Identity,
  options: MirrorOptions = {},
): Promise<MirrorDiff> {
  return withRemote(storage, url, options, async (remote, onMessage) => {
    const { refs: selection, dryRun = false, signal } = options;
    const { refs, unreadable = [], head } = await remote.list(prefixesOf(selection), 'fetch');
    const wanted = selectRefs({ refs, unreadable }, selection);
    const { refs: own, unreadable: broken } = await storage.refs.list('refs/');
    const present = new Map(own.map(({ ref, id }) => [ref, id]));
    const left = selection === undefined ? unreadable.filter(mayBeMirrored) : [];
    const diff = diffRefs(wanted, present, false, {
      remoteHead: head,
      warnings: left.map((one) => leftOut(remote, one)),
    });
    if (dryRun || diff.inSync) return diff;
    const wants = [...new Set(Array.from(diff.changes(), ({ newTarget }) => newTarget!))];
    const haves = [...new Set(own.map(({ id }) => id))];
    if (!(await hasAll(storage, wants, haves, signal))) {
      await remote.fetch(storage, wants, haves, { ...options, onMessage });
    }
    signal?.throwIfAborted();
    for (const group of inOrder(diff.changes())) {
      const updates = group.map(({ ref, oldTarget, newTarget }): RefUpdate => {
        const reflog = { who, message: `restore: from ${remote.name}` };
        // A broken ref has no value to compare. The received value repairs it.
        const isBroken = broken.some((one) => one.ref === ref && one.kind === 'broken');
        const old = oldTarget ?? (isBroken ? undefined : null);
        return { ref, old, new: newTarget!, reflog };
      });
      await storage.refs.update(updates);
    }
    return diff;
  });
}

const NOT_BACKED_UP = 'nothing is backed up';

function leftOut({ name }: Remote, one: UnreadableRef): StoreWarning {
  const { code, message, ref } = unreadableWarning(one);
  return { code, message: `${message} (in ${name})`, ref };
}

function notMade({ name }: Remote, ref: string, why: string): StoreWarning {
  const message = `${ref} in ${name} stays as it is, the remote refused: ${why}`;
  const isCurrent = /current branch/.test(why);
  const step = isCurrent ? '; make another branch the current one there, then back up again' : '';
  return { code: 'REFUSED_BY_REMOTE', message: message + step, ref };
}

/** Whether the store has everything already, as after an interrupted restore. */
async function hasAll(
  storage: Storage,
  wants: readonly ObjectId[],
  haves: readonly ObjectId[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const id of wants) if (!(await storage.objects.has(id))) return false;
  try {
    await checkComplete(storage.objects, { tips: wants, haves, signal });
    return true;
  } catch (error) {
    if (lacksObject(error)) return false;
    throw error;
  }
}

async function withRemote<T>(
  storage: Storage,
  url: string,
  options: MirrorOptions,
  work: (remote: Remote, onMessage: TransferOptions['onMessage']) => Promise<T>,
): Promise<T> {
  checkForm(options);
  // No message may show a used password, not even one from the server.
  const secrets = new Secrets();
  const { onMessage } = options;
  const clean = onMessage && ((text: string) => onMessage(secrets.clean(text)));
  try {
    const remote = await openRemote(url, storage, secrets, { ...options, onMessage: clean });
    try {
      return await work(remote, clean);
    } finally {
      await remote.close();
    }
  } catch (error) {
    throw secrets.cleanError(typedFault(orShallow(storage, error), redactUrl(url)));
  }
}

function checkForm({ format, bundleVersion = 2 }: MirrorOptions): void {
  if (format !== undefined && format !== 'bundle') {
    throw new GitStoreError(`format is 'bundle' or left out, not ${shown(format)}`, 'EINVAL');
  }
  if (bundleVersion !== 2 && bundleVersion !== 3) {
    throw new GitStoreError(`bundleVersion is 2 or 3, not ${shown(bundleVersion)}`, 'EINVAL');
  }
}

/** The error, adapted for a shallow clone, where a missing commit is not damage. */
function orShallow(storage: Storage, error: unknown): unknown {
  const isShallow = (storage.objects.history?.shallow().size ?? 0) > 0;
  if (!isShallow || !(error instanceof CorruptObjectError)) return error;
  const message =
    "This repository is a shallow clone: the rest of its history is needed ('git fetch --unshallow')";
  return new CorruptObjectError(message, { objectId: error.objectId, cause: error });
}
