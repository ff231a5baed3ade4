/** `cmp`: whether two files, in the repository or on the disk, have the same content. */
import type { Command } from 'commander';
import { IsADirectoryError } from '../../errors.ts';
import type { FS } from '../../store/fs.ts';
import { parseRefPath, type RepositoryPath } from '../../store/refs/refPath.ts';
import { hashFile } from '../../store/write/localFile.ts';
import { normalizePath } from '../../tree/paths.ts';
import { addBranch, addFilters } from '../arguments/options.ts';
import { firstSelection, type Selection, snapshotsOf } from '../arguments/snapshots.ts';
import { EXIT_FAILED, parseArgument, UsageError } from '../errors.ts';
import { printNote, showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  command
    .argument('<a>', 'a file in the repository (:file, main~2:file) or on the disk')
    .argument('<b>', 'another');
  addFilters(addBranch(command));
  addExamples(command, [
    ['gitstore cmp :notes.txt notes.txt', 'exit with 0 when the disk has what is stored'],
    ['gitstore cmp main:a.txt v1.0:a.txt', 'in two snapshots'],
    ['gitstore cmp -v :a.txt :b.txt', 'print both hashes on stderr'],
    ['gitstore cmp --back 3 :a.txt a.txt', 'with the file three commits ago'],
  ]);
  command.action(async (a: string, b: string, options: Selection) => {
    const paths = [a, b].map((path) => parseArgument(parseRefPath, path));
    const stored = paths.filter((path) => path.kind === 'repository');
    let hashes: string[];
    if (stored.length === 0) {
      const unused = firstSelection(options);
      if (unused !== undefined) throw new UsageError(`${unused} has no use with files on the disk`);
      hashes = await Promise.all([hashFile(a), hashFile(b)]);
    } else {
      hashes = await withStore(command, async (store) => {
        const snapshots = await snapshotsOf(store, stored, options);
        const all: string[] = [];
        for (const path of paths) {
          const isStored = path.kind === 'repository';
          all.push(
            isStored
              ? await hashIn(snapshots[stored.indexOf(path)]!, path)
              : await hashFile(path.path),
          );
        }
        return all;
      });
    }
    if (isVerbose(command)) {
      for (const [i, name] of [a, b].entries()) printNote(`${hashes[i]}  ${showName(name)}`);
    }
    if (hashes[0] !== hashes[1]) process.exitCode = EXIT_FAILED;
  });
}

async function hashIn(fs: FS, { path }: RepositoryPath): Promise<string> {
  const at = normalizePath(path);
  if (at === '' || (await fs.isDir(at))) {
    throw new IsADirectoryError(`Is a directory: ${at === '' ? ':' : at}`, { path: at });
  }
  return fs.objectHash(at);
}
