/** What stands for an argument, or for the value of an option: what may be completed there. */
import type { Argument, Option } from 'commander';

/**
 * `path` a path in the repository, its colon may be left out; `stored` one with its colon; `either` that,
 * or a local file; `ref` a branch, a tag or a commit; `source` that, or a folder; `target` a ref, or a path
 * in one; `text` anything.
 */
export type Kind =
  | 'branch'
  | 'command'
  | 'directory'
  | 'either'
  | 'file'
  | 'path'
  | 'ref'
  | 'source'
  | 'stored'
  | 'tag'
  | 'target'
  | 'text';

/** By the command, and the argument where it has several. */
const ARGUMENTS: Readonly<Record<string, Kind>> = {
  'archive-in': 'file',
  'archive-out': 'file',
  backup: 'file',
  blame: 'path',
  'branch delete': 'branch',
  'branch exists': 'branch',
  'branch hash': 'branch',
  'branch set name': 'branch',
  'branch set source': 'ref',
  cat: 'path',
  changes: 'file',
  checkpoint: 'file',
  cmp: 'either',
  completion: 'text',
  cp: 'either',
  diff: 'target',
  doctor: 'text',
  'find pattern': 'text',
  'find ref': 'ref',
  forget: 'path',
  fork: 'directory',
  'grep pattern': 'text',
  'grep target': 'target',
  hash: 'target',
  help: 'command',
  log: 'target',
  ls: 'path',
  merge: 'source',
  mv: 'stored',
  'note delete': 'ref',
  'note get': 'ref',
  'note set': 'ref',
  pick: 'ref',
  redo: 'text',
  restore: 'file',
  revert: 'ref',
  rewind: 'file',
  rm: 'path',
  show: 'target',
  sync: 'either',
  tar: 'file',
  'tag delete': 'tag',
  'tag exists': 'tag',
  'tag hash': 'tag',
  'tag set name': 'tag',
  'tag set source': 'ref',
  undo: 'text',
  untar: 'file',
  unzip: 'file',
  write: 'path',
  zip: 'file',
};

const OPTIONS: Readonly<Record<string, Kind>> = {
  '--base-path': 'text',
  '--branch': 'branch',
  '--path': 'path',
  '--repo': 'file',
  '--tag': 'tag',
  '--theirs': 'path',
};

/** By what stands for the value of an option. */
const VALUES: Readonly<Record<string, Kind>> = {
  dir: 'directory',
  file: 'file',
  folder: 'directory',
  ref: 'ref',
  'name[:other]': 'ref',
};

/** @param command with the one above it: `branch set`; undefined for an argument that is not known */
export function kindOfArgument(command: string, argument: Argument): Kind | undefined {
  return ARGUMENTS[command] ?? ARGUMENTS[`${command} ${argument.name()}`];
}

export function kindOfValue(option: Option): Kind {
  const value = /<(.*?)>|\[(.*?)\]/.exec(option.flags);
  return OPTIONS[option.long ?? ''] ?? VALUES[value?.[1] ?? value?.[2] ?? ''] ?? 'text';
}
