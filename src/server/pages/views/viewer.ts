/** The page of a file: what is in it, shown as what it is. Its bytes are at its own URL. */

import { sizeText } from '../../../byteSize.ts';
import { MODE_LINK, type TreeEntry } from '../../../git/objects/tree.ts';
import type { BlobFacts } from '../../files/blobs.ts';
import { isCompressible, PLAIN_TEXT, typeOfName } from '../../files/contentTypes.ts';
import { isMarkdown, renderMarkdown } from '../contents/markdown.ts';
import { type TextPage, textPage } from '../contents/sourceText.ts';
import { decodeText } from '../contents/text.ts';
import { type Html, html } from '../frame/html.ts';
import { button, placePage, snapshotLine, type View } from '../frame/layout.ts';
import { type Rendered, stepButtons } from './listing.ts';
import { stepsOf } from './steps.ts';

/** Bytes of text that are shown, on as many pages as that takes. */
const MOST_TEXT = 1 << 20;
/** Bytes of a text that is rendered, and characters of HTML on the page. */
const MOST_MARKDOWN = 256 << 10;
const MARKDOWN_BUDGET = 31_000;
/** Milliseconds that may go into looking for the changes before and after. */
const TIME_FOR_HISTORY = 250;

export interface ViewerOptions {
  /** Show the source of what is otherwise rendered. */
  readonly source: boolean;
  /** The first line of the page, from 1. */
  readonly line: number;
}

export async function viewerPage(
  view: View,
  entry: TreeEntry,
  options: ViewerOptions,
): Promise<Rendered> {
  const { service, tip, place, links } = view;
  const { path } = place;
  const facts = await service.blobs.facts(entry.id);
  const steps = await stepsOf(service, tip, place, AbortSignal.timeout(TIME_FOR_HISTORY));
  const line = steps.current ?? place.snapshot;
  const raw = links.here(path);
  const renders = isMarkdown(path) && entry.mode !== MODE_LINK && facts.size <= MOST_MARKDOWN;
  const asSource = renders && options.source;
  const query = {
    view: true as const,
    source: asSource || undefined,
    line: options.line > 1 ? String(options.line) : undefined,
  };
  const shown = await contentOf(view, entry, facts, raw, renders && !options.source, options.line);
  const actions = [
    ...(await stepButtons(view, steps)),
    renders &&
      (asSource
        ? button('Rendered', links.here(path, { view: true }))
        : button('Source', links.here(path, { view: true, source: true }))),
    button('Raw', raw, 'The file itself'),
    button('Download', links.here(path, { download: true })),
  ];
  const changes = links.to(path, { diff: true, to: line.commitHash });
  const about = [sizeText(facts.size), ...shown.about].join(' · ');
  const body = html`${snapshotLine(line, changes)}<div class="box"><p class="about">${about}</p>${shown.content}</div>${shown.pager}`;
  return {
    page: await placePage(view, { tab: 'files', actions, query, body }),
    complete: steps.complete,
  };
}

interface Shown {
  readonly content: Html;
  /** What there is to say of it, beside its size. */
  readonly about: readonly string[];
  readonly pager?: Html | undefined;
}

function only(content: Html): Shown {
  return { content, about: [] };
}

async function contentOf(
  view: View,
  entry: TreeEntry,
  facts: BlobFacts,
  raw: string,
  rendered: boolean,
  line: number,
): Promise<Shown> {
  const { service, place } = view;
  const { type, unsure } = entry.mode === MODE_LINK ? asText : typeOfName(place.path);
  const isText = unsure ? (await service.blobs.text(facts)).isText : isShownAsText(type);
  const tooLarge = facts.size > service.maxFileSize;
  if (facts.size === 0) return only(html`<p class="note">The file is empty.</p>`);
  if (!isText && tooLarge) {
    return only(html`<p class="note">The file is larger than this server gives out.</p>`);
  }
  if (type === 'image/svg+xml') {
    const text = await textOf(view, facts, line);
    return { ...text, content: html`${picture(raw)}${text.content}` };
  }
  if (isText) return (rendered && (await renderedOf(view, facts))) || textOf(view, facts, line);
  const kind = type.slice(0, type.indexOf('/'));
  if (unsure) return nothingToShow;
  if (kind === 'image') return only(picture(raw));
  if (kind === 'video') {
    return only(
      html`<div class="media plain"><video controls preload="metadata" src="${raw}"></video></div>`,
    );
  }
  if (kind === 'audio') {
    return only(
      html`<div class="media plain"><audio controls preload="metadata" src="${raw}"></audio></div>`,
    );
  }
  if (type === 'application/pdf') return only(html`<iframe title="PDF" src="${raw}"></iframe>`);
  return nothingToShow;
}

const asText = { type: PLAIN_TEXT, unsure: false };
const nothingToShow = only(
  html`<p class="note">No preview of this kind of file. It can be downloaded.</p>`,
);

function isShownAsText(type: string): boolean {
  return /^text\/|xml\b/.test(type) && isCompressible(type);
}

function picture(raw: string): Html {
  return html`<div class="media"><img alt="" src="${raw}"></div>`;
}

/** Markdown rendered, as far as fits; undefined where that fails. */
async function renderedOf(view: View, facts: BlobFacts): Promise<Shown | undefined> {
  const { place, links, service } = view;
  const { text, encoding } = decodeText(await service.blobs.read(facts, whole(facts)));
  const rendered = renderMarkdown(view, { path: place.path, id: facts.id }, text, MARKDOWN_BUDGET);
  if (rendered === undefined) return undefined;
  const source = links.here(place.path, { view: true, source: true });
  const rest =
    !rendered.whole &&
    html`<p class="note">This is the beginning. <a href="${source}">The source</a> is shown whole.</p>`;
  return { content: html`${rendered.content}${rest}`, about: aboutOf(encoding) };
}

function whole({ size }: BlobFacts): { start: number; end: number } {
  return { start: 0, end: size };
}

async function textOf(
  { service, place, links }: View,
  facts: BlobFacts,
  line: number,
): Promise<Shown> {
  const end = Math.min(facts.size, MOST_TEXT);
  const isCut = end < facts.size;
  const bytes = await service.blobs.read(facts, { start: 0, end });
  const { text, encoding } = decodeText(bytes, isCut);
  const shown = textPage({ path: place.path, id: facts.id }, text, line);
  const cut =
    isCut &&
    html`<p class="note">The first ${sizeText(end)} of ${sizeText(facts.size)}. The rest is in the raw file.</p>`;
  const { first, last, count } = shown;
  const lines = count === 1 ? '1 line' : `${isCut ? 'more than ' : ''}${count} lines`;
  const about = first === 1 && last === count ? [lines] : [`lines ${first} to ${last} of ${lines}`];
  const pageAt = (start: number | undefined) =>
    start === undefined
      ? undefined
      : links.here(place.path, {
          view: true,
          source: isMarkdown(place.path) || undefined,
          line: start === 1 ? undefined : String(start),
        });
  return {
    content: html`${shown.content}${cut}`,
    about: [...about, ...aboutOf(encoding)],
    pager: pagerOf(shown, pageAt),
  };
}

function aboutOf(encoding: string | undefined): string[] {
  return encoding === undefined ? [] : [`not UTF-8: shown as ${encoding}`];
}

function pagerOf(
  { first, last, count, previous, next, final }: TextPage,
  pageAt: (start: number | undefined) => string | undefined,
): Html | undefined {
  if (previous === undefined && next === undefined) return undefined;
  return html`<nav class="pages" aria-label="Pages of this file">${button('« First', pageAt(first === 1 ? undefined : 1))}${button('← Previous', pageAt(previous))}<span class="dim">Lines ${first}–${last} of ${count}</span>${button('Next →', pageAt(next))}${button('Last »', pageAt(next && final))}</nav>`;
}
