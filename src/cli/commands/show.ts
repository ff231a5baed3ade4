/** `show`: a commit with what it has changed, or a file or directory as it was. */
import type { Command } from 'commander';
import type { FS } from '../../store/fs.ts';
import { joinPath, normalizePath } from '../../tree/paths.ts';
import {
  addBranch,
  addFormat,
  type BranchOption,
  type FormatOption,
} from '../arguments/options.ts';
import { findSnapshot, parseTarget } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { printCommit } from '../output/commitText.ts';
import { CHANGES, commitRecord, entryRecord, printRecord } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { showName, writeData } from '../output/output.ts';
import { addPatch, type PatchOption } from '../output/patchOptions.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface ShowOptions extends BranchOption, FormatOption, PatchOption {}

export function define(command: Command): void {
  command.argument('[target]', 'a ref (main~2, v1.0, abc1234), or a path in one (main:file)');
  addPatch(addBranch(addFormat(command)));
  addExamples(command, [
    ['gitstore show', 'the newest commit and the lines that it has changed'],
    ['gitstore show --stat v1.0', 'another one, lines only counted'],
    ['gitstore show main~3:notes.txt', 'a file as it was'],
    ['gitstore show v1.0:docs', 'the names in a directory'],
  ]);
  command.action(async (argument: string | undefined, options: ShowOptions) => {
    const target = parseTarget(argument);
    await withStore(command, async (store) => {
      const fs = await findSnapshot(store, target, { branch: options.branch });
      const { path } = target;
      if (options.format !== 'text') await printAsRecords(fs, path, options);
      else if (path === undefined) {
        await printCommit(fs, { ...options, patch: options.patch ?? !options.stat });
      } else if (await fs.isDir(path)) {
        const listing = new Listing('text');
        for (const { name, fileType } of await fs.listdir(path)) {
          await listing.add(showName(fileType === 'tree' ? `${name}/` : name), () => name);
        }
        await listing.end();
      } else {
        for await (const chunk of fs.readStream(path)) await writeData(chunk);
      }
    });
  });
}

/** A commit with the paths that it has changed, or the entries at a path. */
async function printAsRecords(fs: FS, path: string | undefined, options: ShowOptions) {
  const { format } = options;
  if (options.patch || options.stat) throw new UsageError('--patch and --stat are text');
  if (path === undefined) {
    const before = (await fs.parent()) ?? (await fs.emptied());
    const changes: unknown[] = [];
    for await (const { path: at, status } of before.diff(fs)) {
      changes.push({ path: at, change: CHANGES[status] });
    }
    const branch = fs.writable ? fs.refName : null;
    return printRecord(format, undefined, () => ({ ...commitRecord(fs, branch), changes }));
  }
  const at = normalizePath(path);
  const listing = new Listing(format);
  if (await fs.isDir(at)) {
    for (const { name, oid: hash, fileType: type } of await fs.listdir(at)) {
      const record = await entryRecord({ fs, name, path: joinPath(at, name), hash, type });
      await listing.add('', () => record);
    }
  } else {
    const { hash, fileType: type } = await fs.stat(at);
    const record = await entryRecord({ fs, name: at, path: at, hash, type });
    await listing.add('', () => record);
  }
  await listing.end();
}
