/**
 * The command that the arguments call, without parsing them: the first word that is neither an
 * option of the program nor such an option's value; after `help` the word that follows. `''` when
 * there is none.
 */
export function commandName(args: readonly string[]): string {
  let name = '';
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (/^-v*r$/.test(word) || word === '--repo') i++;
    else if (word === 'help' && name === '') name = word;
    else if (!word.startsWith('-')) return word;
  }
  return name;
}
