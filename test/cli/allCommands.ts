/** Every command of the program, with those below others. */
import { buildScript } from '../helpers/build.ts';
import { runNode } from '../helpers/run.ts';

export interface Described {
  /** `branch set` */
  readonly path: string;
  readonly help: string;
  /** Arguments of which completion does not know what they stand for. */
  readonly withoutKind: readonly string[];
}

/** And the manual page. */
export async function allCommands(): Promise<{ commands: Described[]; manual: string }> {
  const { stdout } = await runNode([await buildScript('cli/describe.ts')]);
  return JSON.parse(stdout.toString());
}
