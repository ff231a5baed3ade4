/** Functions of `node:fs` replaced for the whole process: the sources look each of them up at each call. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, beforeAll } from 'vitest';

export type SystemCall = (...args: unknown[]) => unknown;

/** From the first test of a file to its last. @param replace gives what is called instead */
export function replaceCalls(
  names: readonly string[],
  replace: (call: SystemCall, name: string) => SystemCall,
): void {
  const calls = fs as unknown as Record<string, SystemCall>;
  const before = new Map<string, SystemCall>();

  beforeAll(() => {
    for (const name of names) {
      const call = calls[name]!;
      before.set(name, call);
      // Some have functions of their own, as `realpathSync.native`.
      calls[name] = Object.assign(replace(call, name), call);
    }
    syncBuiltinESMExports();
  });

  afterAll(() => {
    for (const [name, call] of before) calls[name] = call;
    syncBuiltinESMExports();
  });
}
