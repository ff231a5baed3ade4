/** `hash`: the hash of a commit, or of what stands at a path. */
import type { Command } from 'commander';
import type { FS } from '../../store/fs.ts';
import { normalizePath } from '../../tree/paths.ts';
import { addBranch, addFilters, addFormat, type FormatOption } from '../arguments/options.ts';
import {
  checkAgainstTarget,
  findSnapshot,
  parseTarget,
  type Selection,
} from '../arguments/snapshots.ts';
import { objectRecord, printRecord } from '../output/json.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  command.argument('[target]', 'a ref (main, v1.0, ~3), or a path in one (:file, main~2:dir)');
  addFilters(addBranch(addFormat(command)));
  addExamples(command, [
    ['gitstore hash', 'the newest commit of the current branch'],
    ['gitstore hash v1.0', 'the commit of a tag'],
    ['gitstore hash main~2:docs/a.md', 'a file as it was two commits ago'],
    ['gitstore hash :', 'the tree of the root'],
    ['gitstore hash --path docs', 'the latest commit that changed docs'],
    ['gitstore hash :docs/a.md --path docs', 'a file as it was then'],
  ]);
  command.action(async (argument: string | undefined, options: Selection & FormatOption) => {
    const target = parseTarget(argument);
    // The path in the target says what is hashed, --path in which commit.
    checkAgainstTarget(target, { ...options, path: undefined });
    await withStore(command, async (store) => {
      const found = await find(await findSnapshot(store, target, options), target.path);
      await printRecord(options.format, found.hash, () => found);
    });
  });
}

async function find(fs: FS, path: string | undefined) {
  if (path === undefined) return objectRecord(fs.commitHash, 'commit');
  const at = normalizePath(path);
  const hash = await fs.objectHash(at);
  return objectRecord(hash, (await fs.isDir(at)) ? 'tree' : 'blob', at);
}
