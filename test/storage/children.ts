/** Child processes that work on refs: the scripts of `children/`, run with one JSON argument. */
import { stress } from '../crash/stress.ts';
import { buildScript } from '../helpers/build.ts';
import { type Running, startNode } from '../helpers/run.ts';

/** Where each script came to be. */
const built = new Map<string, Promise<string>>();

/** Starts `children/NAME.ts` with `task` as its argument. */
export async function startChild(name: string, task: object): Promise<Running> {
  const script = built.get(name) ?? buildScript(`storage/children/${name}.ts`);
  built.set(name, script);
  return startNode([await script, JSON.stringify(task)], {
    timeout: stress ? 30 * 60_000 : 120_000,
  });
}
