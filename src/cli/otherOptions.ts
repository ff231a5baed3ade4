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
    '-p': "'show COMMIT' and 'diff COMMIT' show the changes",
  },
  sync: {
    '-a': 'links and modes are kept without it',
    '--delete': 'what the source does not have is deleted without it',
  },
};

/** What is said to an option of another tool. */
export function optionOfAnotherTool(command: string, option: string): string | undefined {
  const hints = Object.hasOwn(OTHER_OPTIONS, command) ? OTHER_OPTIONS[command] : undefined;
  return hints && Object.hasOwn(hints, option) ? hints[option] : undefined;
}
