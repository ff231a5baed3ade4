/** Changes a ref with concurrent writers: takes turns with them, and retries when it moved meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GitStoreError, StaleSnapshotError } from '../../errors.ts';
import { isValidRefName } from '../../git/refs/refName.ts';
import type { StoreContext } from '../context/context.ts';

export interface RetryOptions {
  /**
   * Attempts in all; default 5, and 50 for a store that is not on this disk, because turns are not shared
   * between machines.
   */
  retries?: number | undefined;
  /** Do not wait for a turn before the first attempt: for a long change that usually succeeds. */
  eager?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** Milliseconds to wait while one writer holds the turn. After that, try without a turn. */
const TURN_TIMEOUT = 10_000;

/** Pauses between attempts in milliseconds: the first, and the longest. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 200;
/** The longest pause for a remote store, where an attempt takes longer too. */
const LONGEST_FAR_PAUSE = 1000;

/**
 * Runs `attempt`, and retries on StaleSnapshotError after pauses of 10 to 200 ms, or up to a second.
 * @param ref full name; an invalid name has no turns
 * @throws StaleSnapshotError when the last attempt fails too
 */
export async function withRetries<T>(
  store: StoreContext,
  ref: string,
  attempt: () => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const isFar = store.folder === undefined;
  const { retries = isFar ? 50 : 5, eager = false, signal } = options;
  if (!Number.isSafeInteger(retries) || retries < 1) {
    throw new GitStoreError(`retries must be a whole number of 1 or more: ${retries}`, 'EINVAL');
  }
  let pause = FIRST_PAUSE;
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      return eager && tries === 1 ? await attempt() : await inTurn(store, ref, attempt);
    } catch (error) {
      if (!(error instanceof StaleSnapshotError) || tries >= retries) throw error;
    }
    // Random in the upper half, so that colliding writers do not collide again.
    await sleep(pause * (0.5 + Math.random() / 2), undefined, signal && { signal });
    pause = Math.min(2 * pause, isFar ? LONGEST_FAR_PAUSE : LONGEST_PAUSE);
  }
}

async function inTurn<T>(store: StoreContext, ref: string, attempt: () => Promise<T>): Promise<T> {
  const giveBack = isValidRefName(ref) ? await store.refs.turn(ref, TURN_TIMEOUT) : undefined;
  try {
    return await attempt();
  } finally {
    giveBack?.();
  }
}
