/** The lines by which two texts differ, with a few around them. */
import { structuredPatch } from 'diff';
import { escapeHtml, Html, wellFormed } from './html.ts';

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

/**
 * Undefined when the texts differ too much, or are too long, to be compared in passing.
 * @param skip rows that are left out
 * @param most characters of HTML; one row is always shown
 */
export function lineDiff(
  before: string,
  after: string,
  skip: number,
  most: number,
): LineDiff | undefined {
  if (countLines(before) > MOST_LINES || countLines(after) > MOST_LINES) return undefined;
  const patch = structuredPatch('', '', wellFormed(before), wellFormed(after), '', '', {
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
  for (const hunk of patch.hunks) {
    let old = hunk.oldStart;
    let now = hunk.newStart;
    put(
      () =>
        `<tr class=hunk><td><td><td><td>@@ −${rangeOf(hunk.oldStart, hunk.oldLines)} +${rangeOf(hunk.newStart, hunk.newLines)} @@`,
    );
    for (const line of hunk.lines) {
      const text = () => escapeHtml(shortened(line.slice(1).replace(/\r$/, '')));
      if (line.startsWith('+')) {
        const n = now++;
        added++;
        put(() => row('add', '', n, '+', text()));
      } else if (line.startsWith('-')) {
        const n = old++;
        removed++;
        put(() => row('del', n, '', '−', text()));
      } else if (line.startsWith('\\')) {
        put(() => row('dim', '', '', '', text()));
      } else {
        const [o, n] = [old++, now++];
        put(() => row('', o, n, '', text()));
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
