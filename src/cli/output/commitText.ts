/** Commits in the long form, as `git log` and `git show` print them, and what they have changed. */
import type { FS } from '../../store/fs.ts';
import { type Paint, paintFor } from './colour.ts';
import { isoTime } from './dates.ts';
import { Lines, showLine, showName } from './output.ts';
import { addPatches } from './patches.ts';
import type { PatchOption } from './patchOptions.ts';

type Options = PatchOption & { readonly paths?: readonly string[] | undefined };

/** Prints the commit, and as the options ask how it differs from its first parent. */
export async function printCommit(commit: FS, options: Options): Promise<void> {
  const printer = new CommitPrinter(options);
  await printer.add(commit);
  await printer.end();
}

/** Prints commits with an empty line between them. */
export class CommitPrinter {
  readonly #options: Options;
  readonly #paint: Paint;
  readonly #lines = new Lines();
  #isFirst = true;

  constructor(options: Options) {
    this.#options = options;
    this.#paint = paintFor(options);
  }

  async add(commit: FS): Promise<void> {
    const lines = this.#lines;
    if (!this.#isFirst) await lines.add('');
    this.#isFirst = false;
    const { parentHashes: parents, authorName: name, authorEmail: mail } = commit;
    await lines.add(this.#paint('yellow', `commit ${commit.commitHash}`));
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
    if (!this.#options.patch && !this.#options.stat) return;
    const before = (await commit.parent()) ?? (await commit.emptied());
    await addPatches(lines, before, commit, this.#options, this.#paint);
  }

  /** Writes what is still to be written. Call it also after an error. */
  end(): Promise<void> {
    return this.#lines.flush();
  }
}
