/**
 * The command that the arguments call, without parsing them: the first word that is neither an
 * option of the program nor such an option's value; after `help` the word that follows. `''` when
 * there is none.
 */
export function commandName(args: readonly string[]): string {
  return args[commandIndex(args)] ?? '';
}

/** Where it is among the arguments; -1 when there is none. */
export function commandIndex(args: readonly string[]): number {
  let index = -1;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (/^-v*r$/.test(word) || word === '--repo') i++;
    else if (word === 'help' && index < 0) index = i;
    else if (!word.startsWith('-')) return i;
  }
  return index;
}
