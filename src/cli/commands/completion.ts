/** `completion`: the script that lets a shell complete command lines. */
import { Argument, type Command } from 'commander';
import { printText } from '../output/output.ts';
import { addExamples } from '../program.ts';

/** Set when the sources are bundled: as JSON, by their shells, the scripts beside `completion/complete.ts`. */
declare const GITSTORE_COMPLETIONS: string;

export function define(command: Command): void {
  command.addArgument(
    new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish', 'powershell']),
  );
  addExamples(command, [
    ['eval "$(gitstore completion bash)"', 'in ~/.bashrc'],
    ['source <(gitstore completion zsh)', 'in ~/.zshrc, after compinit'],
    ['gitstore completion fish > ~/.config/fish/completions/gitstore.fish', 'once'],
    ['gitstore completion powershell | Out-String | Invoke-Expression', 'in $PROFILE'],
  ]);
  command.addHelpText(
    'after',
    '\nCompletes commands, options and their values, branches, tags, and paths in the\n' +
      'repository of -r or $GITSTORE_REPO: gitstore cp main:src/<TAB>',
  );
  command.action((shell: string) => {
    const scripts: Readonly<Record<string, string>> = JSON.parse(GITSTORE_COMPLETIONS);
    printText(scripts[shell]!);
  });
}
