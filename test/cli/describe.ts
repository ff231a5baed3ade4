/** Prints what all commands say of themselves, as JSON; run in a process of its own. */
import type { Command } from 'commander';
import { commands } from '../../src/cli/commands.ts';
import { kindOfArgument } from '../../src/cli/completion/kinds.ts';
import { manualPage } from '../../src/cli/manual.ts';
import { buildProgram } from '../../src/cli/program.ts';

function described(path: string, command: Command): object[] {
  const others = command.commands.filter((each) => each.name() !== 'help');
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return [
    {
      path,
      help,
      withoutKind: command.registeredArguments
        .filter((argument) => kindOfArgument(path, argument) === undefined)
        .map((argument) => argument.name()),
    },
    ...others.flatMap((each) => described(`${path} ${each.name()}`, each)),
  ];
}

const all = described('', buildProgram(commands, '', undefined)).slice(0, 1);
for (const [name, entry] of Object.entries(commands)) {
  const program = buildProgram(commands, name, await entry.load());
  all.push(...described(name, program.commands.find((each) => each.name() === name)!));
}
console.log(JSON.stringify({ commands: all, manual: await manualPage('1.2.3', '2024-05-31') }));
