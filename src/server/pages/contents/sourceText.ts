/** Text with line numbers and colours, in pages: a long file is no long page. */
import type { ObjectId } from '../../../git/objectId.ts';
import { escapeHtml, Html, html, wellFormed } from '../frame/html.ts';
import { colouredLines } from './colours.ts';

/** Characters of HTML on one page. */
const BUDGET = 31_000;
/** Characters of one line that are shown. */
const MOST_OF_LINE = 4_000;
/** What stands around a line. */
const AROUND = 52;

/** Prose has lines as long as paragraphs. */
const PROSE = /\.(?:md|markdown|txt|rst|adoc|org)$/i;

export interface TextPage {
  readonly content: Html;
  /** The lines on this page, from 1. */
  readonly first: number;
  readonly last: number;
  /** Lines of the whole text. */
  readonly count: number;
  /** The lines that other pages begin with. */
  readonly previous?: number | undefined;
  readonly next?: number | undefined;
  readonly final: number;
}

/** @param line that the page begins with */
export function textPage(
  file: { readonly path: string; readonly id: ObjectId },
  text: string,
  line: number,
): TextPage {
  const plain = text.toWellFormed().replace(/\r\n?/g, '\n');
  const raw = plain.split('\n');
  if (raw.at(-1) === '') raw.pop();
  const coloured = colouredLines(file, plain);
  const lineAt = (i: number): string => {
    const source = raw[i]!;
    if (source.length <= MOST_OF_LINE) {
      const line = coloured?.[i];
      return line !== undefined && line.length < BUDGET / 2 ? line : escapeHtml(source);
    }
    const beginning = escapeHtml(wellFormed(source.slice(0, MOST_OF_LINE)));
    return `${beginning}<b class="cut">… and ${source.length - MOST_OF_LINE} more characters</b>`;
  };

  /** Where each page begins, from 0, when one turns over from the first. */
  const starts = [0];
  let used = 0;
  for (let i = 0; i < raw.length; i++) {
    const size = AROUND + lineAt(i).length;
    if (used > 0 && used + size > BUDGET) {
      starts.push(i);
      used = 0;
    }
    used += size;
  }
  const start = Math.min(Math.max(1, line), Math.max(1, raw.length)) - 1;
  let out = '';
  let end = start;
  used = 0;
  for (; end < raw.length; end++) {
    const n = end + 1;
    const content = lineAt(end);
    used += AROUND + content.length;
    if (end > start && used > BUDGET) break;
    out += `<span><a id=L${n} href=#L${n} tabindex=-1>${n}</a>${content}\n</span>`;
  }
  const before = starts.findLast((at) => at < start);
  const content = html`<pre class="code${PROSE.test(file.path) && ' prose'}" tabindex="0" role="region" aria-label="Content of the file"><code>${new Html(out)}</code></pre>`;
  return {
    content,
    first: start + 1,
    last: end,
    count: raw.length,
    previous: before === undefined ? undefined : before + 1,
    next: end < raw.length ? end + 1 : undefined,
    final: starts.at(-1)! + 1,
  };
}
