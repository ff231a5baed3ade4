/** What a folder says of itself, below its listing. */
import { GitStoreError } from '../../../errors.ts';
import { MODE_LINK, type TreeEntry } from '../../../git/objects/tree.ts';
import { joinPath } from '../../../tree/paths.ts';
import { fileTypeOf } from '../../../tree/types.ts';
import { isMarkdown, renderMarkdown } from '../contents/markdown.ts';
import { decodeText } from '../contents/text.ts';
import { type Html, html, visible, wellFormed } from '../frame/html.ts';
import type { View } from '../frame/layout.ts';

/** Characters of HTML for a listing and the text below it, and the least number for the text. */
const BUDGET = 32_000;
const LEAST = 6_000;
/** Bytes that are read. */
const MOST_BYTES = 256 << 10;

const NAMES = /^readme(?:\.(md|markdown|txt|rst|adoc|org))?$/i;

/** @param used characters that the listing has taken */
export async function readmeSection(
  view: View,
  entries: readonly TreeEntry[],
  used: number,
): Promise<Html | undefined> {
  const { place, links } = view;
  const entry = readmeAmong(entries);
  if (entry === undefined) return undefined;
  const path = joinPath(place.path, entry.name);
  const url = links.here(path, { view: true });
  const section = (content: Html) =>
    html`<section class="box readme" aria-labelledby="readme"><h2 id="readme"><a href="${url}">${visible(entry.name)}</a></h2>${content}</section>`;
  const bytes = await beginningOf(view, entry);
  if (bytes === undefined) return section(html`<p class="note">It cannot be read.</p>`);
  if (bytes.length === 0 || bytes.includes(0)) return undefined;
  const { text } = decodeText(bytes, bytes.length === MOST_BYTES);
  const most = Math.max(LEAST, BUDGET - used);
  const rendered = isMarkdown(path)
    ? renderMarkdown(view, { path, id: entry.id }, text, most)
    : undefined;
  const { content, whole } = rendered ?? plain(text, most);
  const isCut = !whole || bytes.length === MOST_BYTES;
  return section(
    html`${content}${isCut && html`<p class="note"><a href="${url}">Read on in ${visible(entry.name)}</a></p>`}`,
  );
}

/** Undefined for a broken file, which must not hide the others. */
async function beginningOf(
  { service: { blobs } }: View,
  { id }: TreeEntry,
): Promise<Uint8Array | undefined> {
  try {
    const facts = await blobs.facts(id);
    return await blobs.read(facts, { start: 0, end: Math.min(facts.size, MOST_BYTES) });
  } catch (error) {
    if (error instanceof GitStoreError) return undefined;
    throw error;
  }
}

/** The first in the order of the names above. */
function readmeAmong(entries: readonly TreeEntry[]): TreeEntry | undefined {
  const rank = (name: string) => (isMarkdown(name) ? 0 : name.includes('.') ? 1 : 2);
  return entries
    .filter(
      ({ name, mode }) =>
        NAMES.test(name) && mode !== MODE_LINK && ['blob', 'executable'].includes(fileTypeOf(mode)),
    )
    .sort((a, b) => rank(a.name) - rank(b.name))[0];
}

function plain(text: string, most: number): { content: Html; whole: boolean } {
  const shown = wellFormed(text.slice(0, most));
  return { content: html`<pre class="plain">${shown}</pre>`, whole: shown.length === text.length };
}
