/** The engines that tests of buckets run on: one in memory, and real ones where they are installed. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Engine, type EngineName, missing, start } from '../../scripts/engines.mjs';
import { scratchFolder } from '../helpers/scratch.ts';

/** Where an engine that is installed is not meant to cost time: `none`, or names. Default: versitygw. */
const WANTED = (process.env.GITSTORE_ENGINES ?? 'versitygw').split(',');

export const REAL_ENGINES: readonly EngineName[] = ['versitygw', 'ceph'];

/** Tests on a real engine, which is started for them; skipped, with a word why, where there is none. */
export function describeEngine(name: EngineName, tests: (engine: () => Engine) => void): void {
  const why = WANTED.includes(name)
    ? missing(name)
    : `GITSTORE_ENGINES=${name} runs them, versitygw,ceph both`;
  if (why !== undefined) {
    describe.skip(`${name} (${why})`, () => tests(() => undefined as never));
    return;
  }
  describe(name, { timeout: 180_000 }, () => {
    let engine: Engine | undefined;
    const kept = { ...process.env };
    beforeAll(async () => {
      engine = await start(name, join(scratchFolder(), name));
      Object.assign(process.env, engine.env);
    }, 120_000);
    afterAll(async () => {
      process.env = kept;
      await engine?.stop();
    });
    tests(() => engine!);
  });
}

let count = 0;

/** A prefix that no test has used. */
export function freshPrefix(): string {
  return `t${process.pid}-${++count}`;
}
