/**
 * The commands there are: a line for the overview, and where the code is that defines and runs each.
 * That code is loaded only when its command is called, or its help is asked for.
 */
import type { Commands } from './program.ts';

const REPOSITORY = 'Repository:';
const FILES = 'Files:';
const FOLDERS = 'A folder with a memory:';
const HISTORY = 'History:';
const REFS = 'Refs:';
const ARCHIVES = 'Archives:';
const WHOLE = 'Whole repository:';
const SERVERS = 'Servers:';
const SHELL = 'Shell:';

export const commands: Commands = {
  init: {
    group: REPOSITORY,
    summary: 'create a repository',
    load: () => import('./commands/init.ts'),
  },
  destroy: {
    group: REPOSITORY,
    summary: 'remove a repository',
    load: () => import('./commands/destroy.ts'),
  },
  pack: {
    group: REPOSITORY,
    summary: 'pack loose objects',
    load: () => import('./commands/pack.ts'),
  },
  gc: {
    group: REPOSITORY,
    summary: 'pack well, drop what has long been unreachable',
    load: () => import('./commands/gc.ts'),
  },
  verify: {
    group: REPOSITORY,
    summary: 'check every object, ref and pack',
    load: () => import('./commands/verify.ts'),
  },
  doctor: {
    group: REPOSITORY,
    summary: 'try an object storage, check a store on it',
    load: () => import('./commands/doctor.ts'),
  },
  ls: {
    group: FILES,
    summary: 'list files and directories',
    readsFew: true,
    load: () => import('./commands/ls.ts'),
  },
  cat: {
    group: FILES,
    summary: 'write files to standard output',
    readsFew: true,
    load: () => import('./commands/cat.ts'),
  },
  write: {
    group: FILES,
    summary: 'store standard input as a file',
    load: () => import('./commands/write.ts'),
  },
  cp: {
    group: FILES,
    summary: 'copy between disk and repository, and within it',
    load: () => import('./commands/cp.ts'),
  },
  sync: {
    group: FILES,
    summary: 'make a directory equal to another',
    load: () => import('./commands/sync.ts'),
  },
  rm: {
    group: FILES,
    summary: 'remove files',
    load: () => import('./commands/rm.ts'),
  },
  mv: {
    group: FILES,
    summary: 'move or rename files',
    load: () => import('./commands/mv.ts'),
  },
  checkpoint: {
    group: FOLDERS,
    summary: 'store a folder as it is now',
    load: () => import('./commands/checkpoint.ts'),
  },
  changes: {
    group: FOLDERS,
    summary: 'show what has changed in a folder',
    load: () => import('./commands/changes.ts'),
  },
  rewind: {
    group: FOLDERS,
    summary: 'make a folder, or a part of it, as it was',
    load: () => import('./commands/rewind.ts'),
  },
  fork: {
    group: FOLDERS,
    summary: 'make a second folder, on a branch of its own',
    load: () => import('./commands/fork.ts'),
  },
  workspaces: {
    group: FOLDERS,
    summary: 'list the folders of a repository',
    load: () => import('./commands/workspaces.ts'),
  },
  log: {
    group: HISTORY,
    summary: 'show the commits, newest first',
    readsFew: true,
    load: () => import('./commands/log.ts'),
  },
  diff: {
    group: HISTORY,
    summary: 'show the files that differ from another snapshot',
    readsFew: true,
    load: () => import('./commands/diff.ts'),
  },
  show: {
    group: HISTORY,
    summary: 'show a commit and its changes, or a file as it was',
    load: () => import('./commands/show.ts'),
  },
  blame: {
    group: HISTORY,
    summary: 'show which commit each line of a file comes from',
    load: () => import('./commands/blame.ts'),
  },
  grep: {
    group: HISTORY,
    summary: 'find lines, in a snapshot or in every version',
    load: () => import('./commands/grep.ts'),
  },
  find: {
    group: HISTORY,
    summary: 'find files by name, also those that are gone',
    load: () => import('./commands/find.ts'),
  },
  cmp: {
    group: HISTORY,
    summary: 'exit 0 when two files have the same content',
    load: () => import('./commands/cmp.ts'),
  },
  hash: {
    group: HISTORY,
    summary: 'print the hash of a commit, file or directory',
    readsFew: true,
    load: () => import('./commands/hash.ts'),
  },
  merge: {
    group: HISTORY,
    summary: 'bring the changes of another branch into one',
    load: () => import('./commands/merge.ts'),
  },
  pick: {
    group: HISTORY,
    summary: 'make the change of a commit once more',
    load: () => import('./commands/pick.ts'),
  },
  revert: {
    group: HISTORY,
    summary: 'take the change of a commit back',
    load: () => import('./commands/revert.ts'),
  },
  undo: {
    group: HISTORY,
    summary: 'move a branch back',
    load: () => import('./commands/undo.ts'),
  },
  redo: {
    group: HISTORY,
    summary: 'move a branch forward again',
    load: () => import('./commands/redo.ts'),
  },
  reflog: {
    group: HISTORY,
    summary: 'show where a branch has been',
    readsFew: true,
    load: () => import('./commands/reflog.ts'),
  },
  thin: {
    group: HISTORY,
    summary: 'fold old snapshots of a branch away',
    load: () => import('./commands/thin.ts'),
  },
  forget: {
    group: HISTORY,
    summary: 'take a path out of every snapshot',
    load: () => import('./commands/forget.ts'),
  },
  branch: {
    group: REFS,
    summary: 'list, set, delete and query branches',
    readsFew: true,
    load: () => import('./commands/branch.ts'),
  },
  tag: {
    group: REFS,
    summary: 'list, set, delete and query tags',
    readsFew: true,
    load: () => import('./commands/tag.ts'),
  },
  note: {
    group: REFS,
    summary: 'read and write notes about commits',
    load: () => import('./commands/note.ts'),
  },
  'archive-out': {
    group: ARCHIVES,
    summary: 'write a snapshot as a zip or tar archive',
    load: () => import('./commands/archiveOut.ts'),
  },
  'archive-in': {
    group: ARCHIVES,
    summary: 'store the members of a zip or tar archive',
    load: () => import('./commands/archiveIn.ts'),
  },
  zip: {
    group: ARCHIVES,
    summary: 'write a snapshot as a zip archive',
    load: () => import('./commands/zip.ts'),
  },
  unzip: {
    group: ARCHIVES,
    summary: 'store the members of a zip archive',
    load: () => import('./commands/unzip.ts'),
  },
  tar: {
    group: ARCHIVES,
    summary: 'write a snapshot as a tar archive',
    load: () => import('./commands/tar.ts'),
  },
  untar: {
    group: ARCHIVES,
    summary: 'store the members of a tar archive',
    load: () => import('./commands/untar.ts'),
  },
  backup: {
    group: WHOLE,
    summary: 'push branches, tags and notes, or bundle them',
    load: () => import('./commands/backup.ts'),
  },
  restore: {
    group: WHOLE,
    summary: 'fetch branches, tags and notes, also from a bundle',
    load: () => import('./commands/restore.ts'),
  },
  serve: {
    group: SERVERS,
    summary: 'serve files over HTTP',
    load: () => import('./commands/serve.ts'),
  },
  gitserve: {
    group: SERVERS,
    summary: 'serve the repository to Git clients over HTTP',
    load: () => import('./commands/gitserve.ts'),
  },
  completion: {
    group: SHELL,
    summary: 'print the script that completes command lines',
    load: () => import('./commands/completion.ts'),
  },
};

/** What commands were called before. They go on working, with a note. */
export const OLD_NAMES: Readonly<Record<string, string>> = {
  archive_out: 'archive-out',
  archive_in: 'archive-in',
};
