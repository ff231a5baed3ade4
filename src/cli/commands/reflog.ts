/** `reflog`: where a branch has been. */
import type { Command } from 'commander';
import { ZERO_ID } from '../../git/objectId.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { ReflogEntry } from '../../storage/storage.ts';
import {
  addBranch,
  addFormat,
  addLimit,
  type BranchOption,
  type FormatOption,
  type LimitOption,
  limitOf,
} from '../arguments/options.ts';
import { defaultBranch } from '../arguments/snapshots.ts';
import { isoTime } from '../output/dates.ts';
import { Listing } from '../output/listing.ts';
import { printLine, showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface ReflogOptions extends BranchOption, FormatOption, LimitOption {}

export function define(command: Command): void {
  addLimit(addBranch(addFormat(command)), 'the newest N entries only');
  addExamples(command, [
    ['gitstore reflog', 'all moves of the current branch, newest first'],
    ['gitstore reflog --limit 5 -b dev', 'the last five of another'],
    ['gitstore reflog --format jsonl', 'one JSON object a line'],
  ]);
  command.action(async ({ format, ...options }: ReflogOptions) => {
    await withStore(command, async (store) => {
      const branch = await defaultBranch(store, options);
      const entries = await store.branches.reflog(branch, { limit: limitOf(options) });
      if (format === 'text') {
        const count = entries.length === 1 ? '1 entry' : `${entries.length} entries`;
        await printLine(`Reflog for branch '${showName(branch)}' (${count}):`);
      }
      const width = String(Math.max(0, entries.length - 1)).length;
      const listing = new Listing(format);
      for (const [index, entry] of entries.entries()) {
        await listing.add(textOf(entry, String(index).padStart(width)), () => jsonOf(entry));
      }
      await listing.end();
    });
  });
}

function textOf({ new: id, who, message }: ReflogEntry, index: string): string {
  const time = isoTime(new Date(who.time * 1000), who.offset);
  return `${index}  ${shortHash(id ?? ZERO_ID)}  ${time}  ${showName(message)}`;
}

function jsonOf({ old, new: id, who, message }: ReflogEntry): unknown {
  return {
    old_hash: old,
    new_hash: id,
    committer_name: who.name,
    committer_email: who.email,
    time: isoTime(new Date(who.time * 1000), who.offset),
    message,
  };
}
