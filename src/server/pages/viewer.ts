/** The page of a file: what is in it, shown as what it is. Its bytes are at its own URL. */
import { MODE_LINK, type TreeEntry } from '../../git/tree.ts';
import { sizeText } from '../../store/sizeText.ts';
import type { BlobFacts } from '../files/blobs.ts';
import { isCompressible, PLAIN_TEXT, typeOfName } from '../files/contentTypes.ts';
import { escapeHtml, Html, html, wellFormed } from './html.ts';
import { button, placePage, snapshotLine, type View } from './layout.ts';
import { type Rendered, stepButtons } from './listing.ts';
import { stepsOf } from './steps.ts';

/** Bytes of text that are shown. */
const MOST_TEXT = 512 << 10;
/** Milliseconds that may go into looking for the changes before and after. */
const TIME_FOR_HISTORY = 250;

export async function viewerPage(view: View, entry: TreeEntry): Promise<Rendered> {
  const { service, tip, place, links } = view;
  const { path } = place;
  const facts = await service.blobs.facts(entry.id);
  const steps = await stepsOf(service, tip, place, AbortSignal.timeout(TIME_FOR_HISTORY));
  const line = steps.current ?? place.snapshot;
  const raw = links.here(path);
  const actions = [
    button('Raw', raw, 'The file itself'),
    button('Download', links.here(path, { download: true })),
    html`<span class="dim">${sizeText(facts.size)}</span>`,
    ...(await stepButtons(view, steps)),
  ];
  const changes = links.to(path, { diff: true, to: line.id });
  const content = await contentOf(view, entry, facts, raw);
  const body = html`${snapshotLine(line, changes)}<div class="box">${content}</div>`;
  return { page: await placePage(view, 'files', actions, body), complete: steps.complete };
}

async function contentOf(
  view: View,
  entry: TreeEntry,
  facts: BlobFacts,
  raw: string,
): Promise<Html> {
  const { service, place } = view;
  const { type, unsure } = entry.mode === MODE_LINK ? asText : typeOfName(place.path);
  const isText = unsure ? (await service.blobs.text(facts)).isText : isShownAsText(type);
  const tooLarge = facts.size > service.maxFileSize;
  if (facts.size === 0) return html`<p class="note">The file is empty.</p>`;
  if (!isText && tooLarge) {
    return html`<p class="note">The file is larger than this server gives out.</p>`;
  }
  if (type === 'image/svg+xml') return html`${picture(raw)}${await textOf(view, facts)}`;
  if (isText) return textOf(view, facts);
  const kind = type.slice(0, type.indexOf('/'));
  if (unsure) return nothingToShow;
  if (kind === 'image') return picture(raw);
  if (kind === 'video') {
    return html`<div class="media plain"><video controls preload="metadata" src="${raw}"></video></div>`;
  }
  if (kind === 'audio') {
    return html`<div class="media plain"><audio controls preload="metadata" src="${raw}"></audio></div>`;
  }
  if (type === 'application/pdf') return html`<iframe title="PDF" src="${raw}"></iframe>`;
  return nothingToShow;
}

const asText = { type: PLAIN_TEXT, unsure: false };
const nothingToShow = html`<p class="note">No preview of this kind of file. It can be downloaded.</p>`;

function isShownAsText(type: string): boolean {
  return /^text\/|xml\b/.test(type) && isCompressible(type);
}

function picture(raw: string): Html {
  return html`<div class="media"><img alt="" src="${raw}"></div>`;
}

/** Prose has lines as long as paragraphs. */
const PROSE = /\.(?:md|markdown|txt|rst|adoc|org)$/i;

async function textOf({ service, place }: View, facts: BlobFacts): Promise<Html> {
  const { blobs } = service;
  const end = Math.min(facts.size, MOST_TEXT);
  const text = decodeText(await blobs.read(facts, { start: 0, end }));
  const cut =
    end < facts.size &&
    html`<p class="note">The first ${sizeText(end)} of ${sizeText(facts.size)}. The rest is in the raw file.</p>`;
  return html`<pre class="code${PROSE.test(place.path) && ' prose'}"><code>${lines(text)}</code></pre>${cut}`;
}

/** Bytes that are no UTF-8 show as U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8').decode(bytes);
}

/** Lines with numbers that can be linked to, and that are not copied along. */
function lines(text: string): Html {
  const all = wellFormed(text).replace(/\r\n?/g, '\n').split('\n');
  if (all.at(-1) === '') all.pop();
  let out = '';
  for (const [i, line] of all.entries()) {
    const n = i + 1;
    out += `<span><a id="L${n}" href="#L${n}" data-n="${n}" aria-label="Line ${n}"></a>${escapeHtml(line)}\n</span>`;
  }
  return new Html(out);
}
