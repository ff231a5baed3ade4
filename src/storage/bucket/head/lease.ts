/**
 * The lease of collectors, a field of `head`: it keeps two machines from doing the same long work, which only
 * one of them can commit. Safety never depends on it, so it may go by the clocks of the machines: a wrong
 * clock costs work, or a wait of up to twice `LEASE_TIME`.
 */
import { hostname } from 'node:os';
import { LockTimeoutError, OutcomeUnknownError, UnreachableError } from '../../../errors.ts';
import { isAlive } from '../../disk/processes.ts';
import type { Engine } from '../engine/engine.ts';
import type { HeadKeeper } from './headKeeper.ts';
import type { Lease } from './headRecord.ts';

/** Milliseconds for which a lease counts that is not renewed. */
export const LEASE_TIME = 120_000;
/** Milliseconds between two renewals. */
const RENEW_EVERY = 40_000;

export interface LeaseContext {
  readonly engine: Engine;
  readonly keeper: HeadKeeper;
}

/**
 * Works under the lease.
 * @throws LockTimeoutError when another collector has it; as `work`
 */
export async function underLease<T>(
  { engine, keeper }: LeaseContext,
  work: () => Promise<T>,
): Promise<T> {
  const { environment } = engine;
  const name = environment.name();
  const lease = (): Lease => ({
    name,
    pid: process.pid,
    host: hostname(),
    until: environment.now() + LEASE_TIME,
  });
  await keeper.commit({
    apply: (draft) => {
      const held = draft.head.lease;
      if (held !== undefined && counts(held, environment.now())) throw taken(held);
      draft.set('lease', lease());
    },
  });
  const change = (next: () => Lease | undefined) =>
    keeper.commit({
      apply: (draft) => {
        if (draft.head.lease?.name === name) draft.set('lease', next());
      },
    });
  const stop = environment.every(RENEW_EVERY, () => {
    // Without the lease the work may be done twice, no more.
    change(lease).catch(() => {});
  });
  let isReachable = true;
  try {
    return await work();
  } catch (error) {
    isReachable = !(error instanceof UnreachableError || error instanceof OutcomeUnknownError);
    throw error;
  } finally {
    stop();
    // A lease that cannot be given back ends by itself.
    if (isReachable) await change(() => undefined).catch(() => {});
  }
}

function counts({ pid, host, until }: Lease, now: number): boolean {
  if (until <= now || until > now + 2 * LEASE_TIME) return false;
  return host !== hostname() || isAlive(pid);
}

function taken({ pid, host }: Lease): LockTimeoutError {
  return new LockTimeoutError(
    `The store is being collected already, by process ${pid} on ${host}: try again later`,
  );
}
