/** A commit in the long form, as `git log` and `git show` print it, and what it has changed. */
import type { FS } from '../store/fs.ts';
import { type Paint, paintFor } from './colour.ts';
import { isoTime } from './dates.ts';
import { Lines, showLine, showName } from './output.ts';
import { printPatches } from './patches.ts';
import type { PatchOption } from './patchOptions.ts';

/** Prints the commit, and as the options ask how it differs from its first parent. */
export async function printCommit(
  commit: FS,
  options: PatchOption & { readonly paths?: readonly string[] | undefined },
): Promise<void> {
  const paint: Paint = paintFor(options);
  const lines = new Lines();
  const { parentHashes: parents, authorName: name, authorEmail: mail } = commit;
  await lines.add(paint('yellow', `commit ${commit.commitHash}`));
  if (parents.length > 1) {
    await lines.add(`Merge: ${parents.map((parent) => parent.slice(0, 7)).join(' ')}`);
  }
  await lines.add(`Author: ${showName(name)} <${showName(mail)}>`);
  await lines.add(`Date:   ${isoTime(commit.time, commit.timezoneOffset)}`);
  await lines.add('');
  for (const line of commit.message.split('\n')) {
    await lines.add(line === '' ? '' : `    ${showLine(line)}`);
  }
  await lines.add('');
  await lines.flush();
  if (!options.patch && !options.stat) return;
  const before = (await commit.parent()) ?? (await commit.emptied());
  await printPatches(before, commit, options);
}
