/** Writes a key under a condition that others contend for, and finds out what became of it. */
import type { Busy, Conflict, Put, Unknown } from './bucket.ts';
import type { Engine } from './engine.ts';
import { Waits } from './environment.ts';

export interface Claim {
  readonly key: string;
  readonly body: Buffer;
  /** The tag that the key has; undefined for a key that must be missing. */
  readonly tag: string | undefined;
  /** Whether a body of the key was made of this one; default: whether it is the same. */
  readonly isMadeOf?: ((body: Uint8Array) => boolean) | undefined;
}

/**
 * @returns whether the key is written; false when another was first
 * @throws OutcomeUnknownError when it may be written now or later; UnreachableError when it is not; RemoteError
 */
export async function claim(engine: Engine, { key, body, tag, ...rest }: Claim): Promise<boolean> {
  const { isMadeOf = (there: Uint8Array) => body.equals(there) } = rest;
  const condition = tag === undefined ? { ifAbsent: true } : { ifMatch: tag };
  const end = engine.end();
  const waits = new Waits(engine.environment, 200);
  let mayHaveHappened = false;
  const attempt = async (): Promise<boolean | string> => {
    const answer: Put | Conflict | Busy | Unknown = await engine.bucket.put(key, body, condition);
    if (answer.kind === 'ok') return true;
    if (answer.kind === 'busy') return answer.reason;
    // A conflict may be one with our own request, which the network has doubled.
    mayHaveHappened = true;
    const there = await engine.get(key);
    if (there.kind === 'ok' && isMadeOf(there.body)) return true;
    const isOpen = there.kind === 'ok' ? there.tag === tag : tag === undefined;
    if (!isOpen) return false;
    return answer.kind === 'unknown' ? answer.reason : 'a conflict without a cause';
  };
  for (;;) {
    let outcome: boolean | string;
    try {
      outcome = await attempt();
    } catch (error) {
      if (!mayHaveHappened) throw error;
      throw engine.outcomeUnknown((error as Error).message, error);
    }
    if (typeof outcome === 'boolean') return outcome;
    if (engine.isPast(end)) {
      throw mayHaveHappened
        ? engine.outcomeUnknown(outcome)
        : engine.unreachable(`write ${key}`, outcome);
    }
    await waits.wait();
  }
}
