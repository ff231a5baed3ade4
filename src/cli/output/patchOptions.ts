/** `--patch` and `--stat`; what prints them (`patches.ts`) is loaded only where one is given. */
import type { Command } from 'commander';
import { addColour, type ColourOption } from './colour.ts';

export interface PatchOption extends ColourOption {
  patch?: boolean | undefined;
  stat?: boolean | undefined;
}

export function addPatch(command: Command): Command {
  return addColour(
    command
      .option('-p, --patch', 'the changed lines, as git diff prints them')
      .option('--stat', 'how many lines of each file have changed'),
  );
}
