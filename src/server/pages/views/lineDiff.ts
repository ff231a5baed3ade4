/** The lines by which two texts differ, with a few around them. */
import { structuredPatch } from 'diff';
import { escapeHtml, Html, wellFormed } from '../frame/html.ts';

/** Lines shown before and after each change. */
const CONTEXT = 3;
/** More lines than that on one side are not compared. */
const MOST_LINES = 50_000;
/** Lines that may be added and removed together. */
const MOST_EDITS = 6_000;
/** Milliseconds for one file. */
const TIME = 400;

export interface LineDiff {
  readonly added: number;
  readonly removed: number;
  readonly table: Html;
  /** The row that the table ends before; undefined where it has all. */
  readonly next: number | undefined;
}

/** One of the texts that are compared. */
export interface DiffSide {
  readonly text: string;
  /** Its lines as HTML in colours; undefined where they have none. */
  colours?(): readonly string[] | undefined;
}

/**
 * Undefined when the texts differ too much, or are too long, to be compared in passing.
 * @param skip rows that are left out
 * @param most characters of HTML; one row is always shown
 */
export function lineDiff(
  before: DiffSide,
  after: DiffSide,
  skip: number,
  most: number,
): LineDiff | undefined {
  const [older, newer] = [wellFormed(before.text), wellFormed(after.text)];
  if (countLines(older) > MOST_LINES || countLines(newer) > MOST_LINES) return undefined;
  const patch = structuredPatch('', '', older, newer, '', '', {
    context: CONTEXT,
    maxEditLength: MOST_EDITS,
    timeout: TIME,
  });
  if (patch === undefined) return undefined;
  let added = 0;
  let removed = 0;
  let rows = '';
  let at = 0;
  let next: number | undefined;
  const put = (row: () => string): void => {
    if (at >= skip && next === undefined) {
      const html = row();
      if (rows !== '' && rows.length + html.length > most) next = at;
      else rows += html;
    }
    at += 1;
  };
  const oldColours = patch.hunks.length > 0 ? before.colours?.() : undefined;
  const newColours = patch.hunks.length > 0 ? after.colours?.() : undefined;
  for (const hunk of patch.hunks) {
    let old = hunk.oldStart;
    let now = hunk.newStart;
    put(
      () =>
        `<tr class=hunk><td><td><td><td>@@ −${rangeOf(hunk.oldStart, hunk.oldLines)} +${rangeOf(hunk.newStart, hunk.newLines)} @@`,
    );
    for (const line of hunk.lines) {
      const text = (coloured?: string) => {
        const plain = line.slice(1).replace(/\r$/, '');
        const fits = coloured !== undefined && coloured.length < MOST_OF_LINE;
        return fits ? coloured : escapeHtml(shortened(plain));
      };
      if (line.startsWith('+')) {
        const n = now++;
        added++;
        put(() => row('add', '', n, '+', text(newColours?.[n - 1])));
      } else if (line.startsWith('-')) {
        const n = old++;
        removed++;
        put(() => row('del', n, '', '−', text(oldColours?.[n - 1])));
      } else if (line.startsWith('\\')) {
        put(() => row('dim', '', '', '', text()));
      } else {
        const [o, n] = [old++, now++];
        put(() => row('', o, n, '', text(newColours?.[n - 1])));
      }
    }
  }
  const table = new Html(`<table class="diff"><tbody>\n${rows}</table>`);
  return { added, removed, table, next };
}

/** Characters of one line that are shown. */
const MOST_OF_LINE = 2_000;

function shortened(line: string): string {
  if (line.length <= MOST_OF_LINE) return line;
  return `${wellFormed(line.slice(0, MOST_OF_LINE))}… and ${line.length - MOST_OF_LINE} more characters`;
}

/** As in unified diffs: of no lines the one before them is named. */
function rangeOf(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

function row(kind: string, old: number | '', now: number | '', sign: string, text: string): string {
  return `<tr${kind && ` class=${kind}`}><td>${old}<td>${now}<td>${sign}<td>${text}`;
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
