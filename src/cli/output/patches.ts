/** Patches and their statistics on stdout, for `diff`, `show`, `log` and `changes`. */
import { largest } from '../../lists.ts';
import type { FS } from '../../store/fs.ts';
import { type FilePatch, patchLines } from '../../store/read/patch.ts';
import { type Paint, paintFor } from './colour.ts';
import { Lines, showName } from './output.ts';
import type { PatchOption } from './patchOptions.ts';

const STYLES = {
  head: 'bold',
  hunk: 'cyan',
  added: 'green',
  deleted: 'red',
  context: undefined,
} as const;

/** The width of a terminal line that all have. */
const COLUMNS = 80;

/** Prints what differs from one snapshot to another, as `--patch` and `--stat` ask. */
export async function printPatches(
  from: FS,
  to: FS,
  options: PatchOption & { readonly paths?: readonly string[] | undefined },
): Promise<void> {
  const lines = new Lines();
  await addPatches(lines, from, to, options);
  await lines.flush();
}

/** The same into lines that are written later. */
export async function addPatches(
  lines: Lines,
  from: FS,
  to: FS,
  options: PatchOption & { readonly paths?: readonly string[] | undefined },
  paint = paintFor(options),
): Promise<void> {
  const printer = new PatchPrinter(options, lines, paint);
  for await (const patch of from.patches(to, { paths: options.paths })) await printer.add(patch);
  await printer.addStats();
}

export class PatchPrinter {
  readonly #paint: Paint;
  readonly #prints: boolean;
  readonly #stats: FilePatch[] | undefined;
  readonly #lines: Lines;

  constructor(options: PatchOption, lines = new Lines(), paint = paintFor(options)) {
    this.#paint = paint;
    this.#prints = options.patch === true;
    this.#stats = options.stat ? [] : undefined;
    this.#lines = lines;
  }

  async add(patch: FilePatch): Promise<void> {
    this.#stats?.push({ ...patch, hunks: [] });
    if (!this.#prints) return;
    for (const { kind, text } of patchLines(patch)) {
      const style = STYLES[kind];
      const full = this.#lines.addBytes(style ? this.#paint(style, text) : text);
      if (full !== undefined) await full;
    }
  }

  async end(): Promise<void> {
    await this.addStats();
    await this.#lines.flush();
  }

  async addStats(): Promise<void> {
    for (const line of this.#statLines()) await this.#lines.add(line);
  }

  *#statLines(): Generator<string> {
    const stats = this.#stats;
    if (stats === undefined || stats.length === 0) return;
    const names = stats.map(({ path }) => showName(path));
    const width = Math.min(50, largest(names.map((name) => name.length)));
    const most = largest(
      stats.map(({ added, deleted }) => added + deleted),
      1,
    );
    const digits = String(most).length;
    const room = Math.max(10, COLUMNS - width - digits - 6);
    const scale = Math.min(1, room / most);
    let [added, deleted] = [0, 0];
    for (const [at, one] of stats.entries()) {
      added += one.added;
      deleted += one.deleted;
      const name = names[at]!.padEnd(width);
      if (one.isBinary) {
        yield ` ${name} | ${'Bin'.padStart(digits)}`;
        continue;
      }
      const bar = (count: number): number =>
        count === 0 ? 0 : Math.max(1, Math.round(count * scale));
      const plus = this.#paint('green', '+'.repeat(bar(one.added)));
      const minus = this.#paint('red', '-'.repeat(bar(one.deleted)));
      yield ` ${name} | ${String(one.added + one.deleted).padStart(digits)} ${plus}${minus}`.trimEnd();
    }
    const count = (many: number, what: string, sign: string): string =>
      many === 0 ? '' : `, ${many} ${what}${many === 1 ? '' : 's'}(${sign})`;
    const files = new Set(stats.map(({ path }) => path)).size;
    yield ` ${files} file${files === 1 ? '' : 's'} changed${count(added, 'insertion', '+')}${count(deleted, 'deletion', '-')}`;
  }
}
