/** What people type who know other tools, and what they are told: which command of ours does it. */
import { existsSync } from '../../storage/disk/fs.ts';

/** Words that are no commands of ours. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  add: "'cp FILE :' stores a file or folder",
  branches: "'branch list' lists them",
  checkout: "'cp :PATH .' brings a file or folder out, 'branch current -b NAME' chooses a branch",
  clone: "'-r NEW.git restore URL' brings a repository here",
  commit: "cp, sync, write, rm and mv commit by themselves ('-m TEXT' gives the message)",
  config: "'git --git-dir PATH config' sets it",
  copy: "'cp' copies",
  del: "'rm' removes files",
  delete: "'rm' removes files, 'branch delete NAME' a branch",
  dir: "'ls' lists files",
  du: "'ls -lR' lists files with their sizes",
  export: "'zip FILE', 'tar FILE' or 'cp : FOLDER' write a snapshot out",
  extract: "'unzip' and 'untar' store an archive, 'cp :PATH .' brings files out",
  fetch: "'restore URL' brings branches, tags and notes here",
  fsck: "'verify' checks everything",
  get: "'cat PATH' prints a file, 'cp :PATH .' brings it out",
  history: "'log' shows the commits",
  import: "'cp FOLDER :' stores a folder, 'untar' and 'unzip' an archive",
  list: "'ls' lists files",
  move: "'mv' moves",
  prune: "'gc' drops what has long been unreachable",
  pull: "'restore URL' brings branches, tags and notes here",
  push: "'backup URL' sends branches, tags and notes there",
  put: "'write PATH' stores standard input, 'cp FILE :' a file",
  read: "'cat PATH' prints a file",
  remote: "none is kept: 'backup URL' and 'restore URL' take it each time",
  remove: "'rm' removes files",
  rename: "'mv' renames",
  repack: "'pack' or 'gc' packs",
  reset: "'undo' moves a branch back, 'branch set -f NAME COMMIT' anywhere",
  'restore-file': "'cp :PATH .' brings a file out",
  rsync: "'sync FOLDER :PATH' makes them equal",
  stash: "'branch set NAME' keeps a snapshot",
  status: "'sync -n FOLDER :PATH' shows what differs from a folder",
  switch: "'branch current -b NAME' chooses a branch",
  tags: "'tag list' lists them",
  tree: "'ls -R' lists all files",
  update: "'sync FOLDER :PATH' makes them equal",
  version: "'--version' prints it",
};

/** What is said to a word of another tool; undefined for any other word. */
export function wordOfAnotherTool(
  name: string,
  isCommand: (name: string) => boolean,
): string | undefined {
  const small = name.toLowerCase();
  if (small !== name && isCommand(small)) {
    return `There is no command '${name}': it is written '${small}'`;
  }
  const ours = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : undefined;
  return ours && `There is no command '${name}': ${ours}`;
}

/** Commands to which other tools give `-r`, and what does it here. */
const RECURSIVE: Readonly<Record<string, string>> = {
  grep: 'grep looks into all directories without a flag',
  cp: 'cp copies folders with all that is in them, without a flag',
  rm: 'rm -R removes directories, and never asks',
  mv: 'mv -R moves directories',
};

/**
 * What is said to `cp -r`, `rm -r` and `rm -rf`. `-r` names the repository; behind such a command it does
 * so only where that is one.
 */
export function recursiveFlag(name: string, args: readonly string[]): string | undefined {
  const hint = Object.hasOwn(RECURSIVE, name) ? RECURSIVE[name] : undefined;
  if (hint === undefined) return undefined;
  for (let i = args.indexOf(name) + 1; i < args.length && args[i] !== '--'; i++) {
    const [flag, attached] = /^-[Rfiav]*r([A-Za-z]*)$/.exec(args[i]!) ?? [];
    if (flag === undefined || attached === undefined) continue;
    const value = attached || args[i + 1];
    if (attached === '' && flag === '-r' && isRepository(value)) return undefined;
    return `'${name} ${flag}': -r names the repository (gitstore -r PATH ${name} …), and ${value ?? 'nothing'} is none; ${hint}`;
  }
  return undefined;
}

function isRepository(path: string | undefined): boolean {
  if (path === undefined) return false;
  return /^[a-z0-9]+:\/\//i.test(path) || /\.git\/*$/.test(path) || existsSync(`${path}/HEAD`);
}
