/** Options of other tools by the command they are given to. */
const OTHER_OPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cp: {
    '-R': 'folders are copied with all that is in them without it',
    '-a': 'folders are copied with all that is in them, links and modes too',
    '-f': 'what is there is replaced without it',
    '-p': 'modes are kept without it',
    '--recursive': 'folders are copied with all that is in them without it',
  },
  rm: {
    '-f': 'rm never asks',
    '-i': '-n shows what would go',
    '--force': 'rm never asks',
    '--recursive': '-R removes directories',
  },
  mv: { '-f': 'what is there is replaced without it' },
  ls: { '-a': 'all files are listed without it', '-1': 'there is one name a line without it' },
  log: {
    '--oneline': 'there is one line a commit without it',
    '--graph': 'only first parents are shown',
  },
  diff: { '--cached': 'nothing is staged here', '--staged': 'nothing is staged here' },
  grep: {
    '-n': 'line numbers come without it',
    '-e': 'the pattern needs no option',
    '-E': 'the pattern is an expression without it',
    '-R': 'it looks into all directories without it',
  },
  find: { '-name': "the pattern needs no option: find '*.txt'", '-type': 'it finds files' },
  undo: { '-n': "'undo 3' takes back three" },
  redo: { '-n': "'redo 3' goes three forward" },
  branch: {
    '-a': "'branch list' lists all",
    '-d': "'branch delete NAME' deletes one",
    '-D': "'branch delete NAME' deletes one",
    '-m': "'branch set NEW OLD', then 'branch delete OLD'",
  },
  tag: {
    '-a': "'tag set NAME' makes one",
    '-d': "'tag delete NAME' deletes one",
    '-l': "'tag list' lists all",
  },
  sync: {
    '-a': 'links and modes are kept without it',
    '--delete': 'what the source does not have is deleted without it',
  },
};

/** What is said where a command is given more than it takes. */
/** Of a command whose one argument would be the repository. */
const namesRepository = (command: string): string =>
  `-r names the repository (gitstore -r PATH ${command})`;

const OTHER_ARGUMENTS: Readonly<Record<string, string>> = {
  'archive-out': 'all of a snapshot goes into it, -b or --ref says which',
  current: "'branch current -b NAME' chooses one",
  log: '--all shows all branches',
  reflog: '-b NAME says which branch',
  tar: 'all of a snapshot goes into it, -b or --ref says which',
  write: 'what it stores comes from standard input (echo TEXT | gitstore write PATH)',
  zip: 'all of a snapshot goes into it, -b or --ref says which',
  ...Object.fromEntries(
    ['init', 'destroy', 'gc', 'pack', 'verify', 'serve', 'gitserve'].map((command) => [
      command,
      namesRepository(command),
    ]),
  ),
};

/** What is said to an argument too many. */
export function argumentTooMany(command: string): string | undefined {
  return Object.hasOwn(OTHER_ARGUMENTS, command) ? OTHER_ARGUMENTS[command] : undefined;
}

/** What is said to an option of another tool. */
export function optionOfAnotherTool(command: string, option: string): string | undefined {
  const hints = Object.hasOwn(OTHER_OPTIONS, command) ? OTHER_OPTIONS[command] : undefined;
  return hints && Object.hasOwn(hints, option) ? hints[option] : undefined;
}
