/**
 * Deletes keys that no head lists (docs/bucket-format.md, rule D). Decides by epochs instead of clocks:
 * a deleted key can never be adopted again, however long a machine was suspended.
 */

import { newKey } from '../commit/upload.ts';
import type { Engine } from '../engine/engine.ts';
import type { HeadKeeper } from '../head/headKeeper.ts';
import { epochOf, formatHead, listedKeys } from '../head/headRecord.ts';
import { RULES, type Rules } from '../head/rules.ts';

/** Milliseconds by the engine's clock during which readers of an old head are not disturbed. */
export const DAY = 24 * 3600 * 1000;
/** The prefixes of keys that a head may list. */
export const KEY_FOLDERS = ['p/', 'l/', 'r/', 'h/'];

export interface SweepContext {
  readonly engine: Engine;
  readonly keeper: HeadKeeper;
  readonly rules?: Rules | undefined;
}

/**
 * @param interval milliseconds between two sweeps, at least. An earlier sweep does nothing
 * @returns number of deleted keys; undefined for a sweep that was too early
 */
export async function sweep(
  { engine, keeper, rules = RULES }: SweepContext,
  {
    interval = DAY,
    signal,
  }: { interval?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<number | undefined> {
  const before = await keeper.refresh();
  // The copies of head give the engine's time of this sweep and of the last one.
  let copy = newKey(engine, 'h', before.epoch);
  await engine.put(copy, formatHead(before), signal);
  if (before.copy !== undefined) {
    const [last, now] = await Promise.all([engine.head(before.copy), engine.head(copy)]);
    const isSoon =
      last.kind === 'ok' && now.kind === 'ok' && now.modified - last.modified < interval;
    if (isSoon) {
      await engine.remove([copy], signal);
      return undefined;
    }
  }
  const raised = await keeper.commit({
    prepare: async (base) => {
      if (rules.mayAdopt(epochOf(copy), base.epoch)) return;
      copy = newKey(engine, 'h', base.epoch);
      await engine.put(copy, formatHead(base), signal);
    },
    apply: (draft) => {
      if (draft.head.copy !== undefined) draft.retire(draft.head.copy);
      draft.set('copy', copy);
      draft.set('epoch', draft.head.epoch + 1);
    },
  });
  const { epoch } = raised;

  const found: string[] = [];
  for (const prefix of KEY_FOLDERS) {
    for await (const page of engine.list(prefix, signal))
      for (const { key } of page) found.push(key);
  }
  // Read the head after the list: no later head can list an old key that this one does not.
  const head = await keeper.refresh();
  const listed = new Set(listedKeys(head));
  const retired = new Map(head.retired.map((one) => [one.key, one.epoch]));
  const doomed = found.filter(
    (key) => !listed.has(key) && rules.mayDelete(retired.get(key) ?? epochOf(key), epoch),
  );
  await engine.remove(doomed, signal);
  const there = new Set(found);
  const gone = new Set(doomed);
  // Include keys that a killed sweep has deleted.
  for (const { key, epoch: since } of head.retired) {
    if (rules.mayDelete(since, epoch) && !listed.has(key) && !there.has(key)) gone.add(key);
  }
  if (head.retired.some(({ key }) => gone.has(key))) {
    await keeper.commit({ apply: (draft) => draft.forgetRetired(gone) });
  }
  return doomed.length;
}
