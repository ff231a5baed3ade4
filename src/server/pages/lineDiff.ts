/** The lines by which two texts differ, with a few around them. */
import { structuredPatch } from 'diff';
import { escapeHtml, Html, html, wellFormed } from './html.ts';

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
}

/** Undefined when the texts differ too much, or are too long, to be compared in passing. */
export function lineDiff(before: string, after: string): LineDiff | undefined {
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
  for (const hunk of patch.hunks) {
    let old = hunk.oldStart;
    let now = hunk.newStart;
    rows += `<tr class="hunk"><td class="n"></td><td class="n"></td><td class="s"></td><td>@@ −${rangeOf(hunk.oldStart, hunk.oldLines)} +${rangeOf(hunk.newStart, hunk.newLines)} @@</td></tr>`;
    for (const line of hunk.lines) {
      const text = escapeHtml(line.slice(1).replace(/\r$/, ''));
      if (line.startsWith('+')) {
        added++;
        rows += row('add', '', now++, '+', text);
      } else if (line.startsWith('-')) {
        removed++;
        rows += row('del', old++, '', '−', text);
      } else if (line.startsWith('\\')) {
        rows += row('dim', '', '', '', text);
      } else {
        rows += row('', old++, now++, '', text);
      }
    }
  }
  const table = new Html(`<table class="diff"><tbody>${rows}</tbody></table>`);
  return { added, removed, table: html`${table}` };
}

/** As in unified diffs: of no lines the one before them is named. */
function rangeOf(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

function row(kind: string, old: number | '', now: number | '', sign: string, text: string): string {
  return `<tr${kind && ` class="${kind}"`}><td class="n">${old}</td><td class="n">${now}</td><td class="s">${sign}</td><td>${text}</td></tr>`;
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
