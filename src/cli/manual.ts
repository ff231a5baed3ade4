/**
 * The manual page (man(7)), from what the commands say of themselves in `--help`. The build writes it; the
 * program does not load it.
 */

import type { Command, Help } from 'commander';
import { addAll } from '../lists.ts';
import { commands } from './commands.ts';
import { buildProgram } from './program.ts';

/** @param date of the release or build, as 2024-05-31 */
export async function manualPage(version: string, date: string): Promise<string> {
  const program = buildProgram(commands, '', undefined);
  const lines = [
    `.TH GITSTORE 1 "${date}" "gitstore ${version}" "User Commands"`,
    '.SH NAME',
    'gitstore \\- directory trees of files, versioned in a bare Git repository',
    '.SH SYNOPSIS',
    '.B gitstore',
    '.RI [ options ]',
    '.I command',
    '.RI [ arguments ]',
    '.SH DESCRIPTION',
    DESCRIPTION.map(prose).join('\n.PP\n'),
    '.SH OPTIONS',
    ...items(program, program.createHelp()),
  ];
  let group = '';
  for (const [name, entry] of Object.entries(commands)) {
    if (entry.group !== group) {
      group = entry.group;
      lines.push(`.SH ${text(group.replace(/:$/, '').toUpperCase())}`);
    }
    const loaded = buildProgram(commands, name, await entry.load());
    addAll(lines, section(name, loaded.commands.find((each) => each.name() === name)!));
  }
  lines.push('.SH EXIT STATUS', '.TP', '0', 'Done.', '.TP', '1', text(FAILED));
  lines.push('.TP', '2', 'The command line makes no sense.', '.SH ENVIRONMENT');
  for (const [name, meaning] of VARIABLES) lines.push('.TP', `.B ${text(name)}`, prose(meaning));
  lines.push('.SH SEE ALSO', '.BR git (1),', '.BR gitrepository-layout (5)', '');
  return lines.join('\n');
}

const DESCRIPTION = [
  'Every command that changes something makes one commit, and every commit stays readable. The repository is that of -r, else of $GITSTORE_REPO.',
  'A path in the repository has a colon: :docs/a.md in the current branch, main:docs or v1.0:docs in a branch or tag, main~3:docs three commits back. What has none is on the local disk, but for commands that work on the repository only.',
  'gitstore help COMMAND shows the part about one command.',
];

const FAILED = 'The command failed, or what was looked for does not exist.';

const VARIABLES = [
  ['GITSTORE_REPO, VOST_REPO', 'The repository.'],
  ['GITSTORE_DEBUG=1', 'Print stack traces.'],
  ['NO_COLOR', 'Print no colours.'],
  ['GITSTORE_CACHE_SIZE', 'Bytes (5G, 500M) for copies of what lies on object storage.'],
] as const;

/** A command with its arguments, options, examples, and the commands below it. */
function section(path: string, command: Command): string[] {
  const help = command.createHelp();
  let all = '';
  command.configureOutput({ writeOut: (part) => (all += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  const after = all.slice(command.helpInformation().length).trim();
  const synopsis = help.commandUsage(command).replace(/^gitstore /, '');
  return [
    `.SS gitstore ${text(synopsis)}`,
    prose(help.commandDescription(command)),
    ...items(command, help),
    ...(after === '' ? [] : ['.PP', '.nf', ...after.split('\n').map(text), '.fi']),
    ...help
      .visibleCommands(command)
      .filter((each) => each.name() !== 'help')
      .flatMap((each) => section(`${path} ${each.name()}`, each)),
  ];
}

/** Arguments and options with what they mean. Those that all commands have are told once. */
function items(command: Command, help: Help): string[] {
  const isGlobal = (flags: string) => /--(?:repo|verbose|help)\b/.test(flags);
  const options = help
    .visibleOptions(command)
    .filter(({ flags }) => command.parent === null || !isGlobal(flags));
  return [
    ...help
      .visibleArguments(command)
      .flatMap((one) => ['.TP', `.I ${text(one.name())}`, prose(help.argumentDescription(one))]),
    ...options.flatMap((one) => [
      '.TP',
      `.B ${text(one.flags)}`,
      prose(help.optionDescription(one)),
    ]),
  ];
}

/** A paragraph in lines of the length that roff sources have. */
function prose(plain: string): string {
  const lines: string[] = [];
  for (const word of plain.split(/\s+/).map(text)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= LINE) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join('\n');
}

const LINE = 78;

/** Plain text in roff: nothing in it is a request or an escape. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('"', '\\(dq')
    .replaceAll('…', '\\&...')
    .replace(/^\./, '\\&.');
}
