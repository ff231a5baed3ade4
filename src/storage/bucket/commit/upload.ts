/** Uploads a pack to the bucket under a new name. */

import type { StagedPack } from '../cache/shelf.ts';
import type { Engine } from '../engine/engine.ts';
import type { KeyKind, PackEntry, PackKind } from '../head/headRecord.ts';

export function newKey(engine: Engine, kind: KeyKind, epoch: number): string {
  return `${kind}/${epoch}-${engine.environment.name()}`;
}

/** @param epoch of a head that is known */
export async function uploadPack(
  engine: Engine,
  staged: StagedPack,
  epoch: number,
  kind: PackKind,
  time = engine.environment.now(),
  signal?: AbortSignal,
): Promise<PackEntry> {
  const { count, size, index } = staged;
  const key = newKey(engine, 'p', epoch);
  const body = {
    size: size + index,
    read: (start: number, end: number) => staged.read(start, end),
  };
  await engine.put(key, body, signal);
  return { key, size, index, count, time, kind };
}
