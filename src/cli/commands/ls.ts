/** `ls`: names of files and directories. */

import type { Command } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { addAll } from '../../lists.ts';
import type { FS } from '../../store/fs.ts';
import { parseRepositoryPath } from '../../store/refs/refPath.ts';
import { joinPath, normalizePath } from '../../tree/paths.ts';
import type { FileType } from '../../tree/types.ts';
import {
  addBranch,
  addFilters,
  addFormat,
  addNoGlob,
  type FormatOption,
  type GlobOption,
} from '../arguments/options.ts';
import { type Selection, snapshotsOf } from '../arguments/snapshots.ts';
import { expandGlob } from '../arguments/sources.ts';
import { parseArgument } from '../errors.ts';
import {
  addColour,
  type ColourOption,
  type Paint,
  paintFor,
  type Style,
} from '../output/colour.ts';
import { type EntryRecord, entryRecord, type Row } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface LsOptions extends Selection, FormatOption, GlobOption, ColourOption {
  recursive?: boolean | undefined;
  long?: boolean | undefined;
  fullHash?: boolean | undefined;
}

/** Rows whose sizes are asked for at the same time. */
const AT_ONCE = 64;

export function define(command: Command): void {
  command
    .argument('[path...]', 'directories, files or globs in the repository (default: the root)')
    .option('-R, --recursive', 'all files below, with their full paths')
    .option('-l, --long', 'hash, size and name')
    .option('--full-hash', 'with -l: all 40 digits of the hash');
  addFilters(addBranch(addNoGlob(addColour(addFormat(command)))));
  addExamples(command, [
    ['gitstore ls', 'the root of the current branch'],
    ['gitstore ls -l docs', 'a directory with hashes and sizes'],
    ["gitstore ls -R 'v1.0:src/**/*.ts'", 'a glob, in the tag v1.0'],
    ['gitstore ls -R --format json', 'every file, as a JSON array'],
    ['gitstore ls --back 2', 'as it was two commits ago'],
  ]);
  command.action(async (args: string[], options: LsOptions) => {
    await withStore(command, async (store) => {
      const paths = (args.length === 0 ? [':'] : args).map((path) =>
        parseArgument(parseRepositoryPath, path),
      );
      const snapshots = await snapshotsOf(store, paths, options);
      const rows: Row[] = [];
      for (const [i, fs] of snapshots.entries()) {
        for (const row of await rowsOf(fs, paths[i]!.path, paths.length > 1, options))
          rows.push(row);
      }
      await print(inOrder(rows, options.long ?? false), options);
    });
  });
}

/** What one argument lists. Names in a directory stand alone when it is the only argument. */
async function rowsOf(
  fs: FS,
  argument: string,
  severalArguments: boolean,
  options: LsOptions,
): Promise<Row[]> {
  const { paths, isGlob } = await expandGlob(fs, argument, options.glob);
  const rows: Row[] = [];
  for (const path of paths) {
    const at = normalizePath(path);
    const { fileType, hash } = await fs.stat(at);
    const isDirectory = fileType === 'tree' || path.endsWith('/');
    if (isDirectory && options.recursive) {
      for await (const { dirpath, files } of fs.walk(at)) {
        for (const file of files) {
          const full = joinPath(dirpath, file.name);
          rows.push({ fs, name: full, path: full, hash: file.oid, type: file.fileType });
        }
      }
    } else if (isDirectory && !isGlob) {
      for (const entry of await fs.listdir(at)) {
        const full = joinPath(at, entry.name);
        const name = severalArguments ? full : entry.name;
        rows.push({ fs, name, path: full, hash: entry.oid, type: entry.fileType });
      }
    } else {
      rows.push({ fs, name: at, path: at, hash, type: fileType });
    }
  }
  return rows;
}

/** Sorted by name; what would be the same line twice is listed once. */
function inOrder(rows: Row[], long: boolean): Row[] {
  const distinct = new Map<string, Row>();
  for (const row of rows) distinct.set(long ? `${row.name}\0${row.hash}` : row.name, row);
  return [...distinct.values()].sort((a, b) => comparePaths(a.name, b.name));
}

async function print(rows: readonly Row[], options: LsOptions): Promise<void> {
  const listing = new Listing(options.format);
  const paint = paintFor(options);
  if (options.long) {
    const longRows: EntryRecord[] = [];
    for (let start = 0; start < rows.length; start += AT_ONCE) {
      addAll(longRows, await Promise.all(rows.slice(start, start + AT_ONCE).map(entryRecord)));
    }
    const width = longRows.reduce((most, row) => Math.max(most, sizeText(row).length), 0);
    for (const row of longRows) {
      const hash = options.fullHash ? row.hash : shortHash(row.hash);
      const line = `${paint('yellow', hash)}  ${sizeText(row).padStart(width)}  ${longName(row, paint)}`;
      await listing.add(line, () => row);
    }
  } else {
    for (const { name, type } of rows) {
      await listing.add(painted(name, type, paint), () => name);
    }
  }
  await listing.end();
}

function sizeText({ size }: EntryRecord): string {
  return size === null ? '-' : String(size);
}

function longName({ name, type, target }: EntryRecord, paint: Paint): string {
  const shown = painted(name, type, paint);
  if (type === 'tree') return `${shown}/`;
  return target === null ? shown : `${shown} -> ${showName(target)}`;
}

const STYLES: Partial<Readonly<Record<FileType, Style>>> = {
  tree: 'blue',
  executable: 'green',
  link: 'cyan',
};

function painted(name: string, type: FileType, paint: Paint): string {
  const style = STYLES[type];
  return style === undefined ? showName(name) : paint(style, showName(name));
}
