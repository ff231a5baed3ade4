/** The page of a directory. */

import { sizeText } from '../../../byteSize.ts';
import { firstLine } from '../../../git/objects/commitText.ts';
import type { TreeEntry } from '../../../git/objects/tree.ts';
import { decodePath } from '../../../git/pathBytes.ts';
import type { FS } from '../../../store/fs.ts';
import { joinPath, parentPath } from '../../../tree/paths.ts';
import { type FileType, fileTypeOf } from '../../../tree/types.ts';
import { typeOfName } from '../../files/contentTypes.ts';
import { encodeUrlPath } from '../../files/target.ts';
import { type Html, html, visible } from '../frame/html.ts';
import {
  button,
  buttonPair,
  dayOf,
  pageUrl,
  placePage,
  shortened,
  snapshotLine,
  urlAt,
  type View,
} from '../frame/layout.ts';
import { readmeSection } from './readme.ts';
import { LastChanges, type Steps, stepsOf } from './steps.ts';

/** Characters of HTML that the rows of one page may take. */
const ROWS_BUDGET = 30_000;
/** Entries on one page, however short their names. */
const MOST_ROWS = 100;
/** Changes of the directory that are looked through for those of its entries. */
const MOST_STEPS = 1_000;
/** Milliseconds that may go into looking through the history for a listing. */
const TIME_FOR_HISTORY = 250;
/** Sizes that are asked for at the same time. */
const AT_ONCE = 64;

interface Row {
  readonly entry: TreeEntry;
  readonly type: FileType;
  /** In bytes; undefined for a directory. */
  size?: number;
  /** Of a link. */
  target?: string;
}

export interface Rendered {
  readonly page: Html;
  /** False when something was left out that a second look may find. */
  readonly complete: boolean;
}

/** @param entries of the directory, directories first */
export async function listingPage(
  view: View,
  entries: readonly TreeEntry[],
  pageNumber: number,
): Promise<Rendered> {
  const { service, tip, place, links } = view;
  const { path } = place;
  const perPage = rowsPerPage(view, entries);
  const pages = Math.max(1, Math.ceil(entries.length / perPage));
  const number = Math.min(Math.max(1, pageNumber), pages);
  const shown = entries.slice((number - 1) * perPage, number * perPage);
  const rows = await rowsOf(view, shown);
  const last = new LastChanges(
    service.trees,
    path,
    shown.map(({ name }) => name),
    MOST_STEPS,
  );
  const signal = AbortSignal.timeout(TIME_FOR_HISTORY);
  const steps = await stepsOf(service, tip, place, signal, (change) => last.add(change));

  const line = steps.current ?? place.snapshot;
  const up = path === '' ? undefined : links.directory(parentPath(path));
  const list = html`${snapshotLine(line, links.to(path, { diff: true, to: line.commitHash }))}<div class="box">${
    rows.length === 0 && up === undefined
      ? html`<p class="note">There is nothing here.</p>`
      : html`<table class="ls"><thead><tr><th>Name<th>Type<th class="num">Size<th>Date<th>Last change<tbody>
${
  up !== undefined &&
  html`<tr><td class="d"><a href="${up}" aria-label="Up">..</a><td><td><td><td>\n`
}${rows.map((row) => rowHtml(view, row, last.found.get(row.entry.name)))}</table>`
  }</div>${pages > 1 && pager(view, number, pages, entries.length)}`;
  const readme = number === 1 ? await readmeSection(view, entries, list.text.length) : undefined;
  const actions = [
    ...(await stepButtons(view, steps)),
    entries.length > 0 &&
      button('Zip', links.directory(path, { zip: true }), 'Download this folder as a zip file'),
  ];
  const query = number === 1 ? {} : { page: String(number) };
  return {
    page: await placePage(view, { tab: 'files', actions, query, body: html`${list}${readme}` }),
    complete: steps.complete,
  };
}

/** As many rows as make a small page, by the length of names and of the path before them. */
function rowsPerPage({ links, place }: View, entries: readonly TreeEntry[]): number {
  const urlLength = links.directory(place.path).length;
  const names = entries.reduce((sum, { name }) => sum + encodeUrlPath(name).length, 0);
  const row = 260 + 2 * urlLength + 3 * (names / Math.max(1, entries.length));
  return Math.min(MOST_ROWS, Math.max(10, Math.floor(ROWS_BUDGET / row)));
}

/**
 * The way to the change before the one that is shown, and to the one after it. Where the time was too
 * short to find the one before, the history knows it.
 */
export async function stepButtons(view: View, { older, newer, complete }: Steps): Promise<Html[]> {
  const { links, place } = view;
  const before = older && (await urlAt(view, older));
  const history = complete ? undefined : links.here(place.path, { history: true });
  return [
    buttonPair(
      button('← Older', before ?? history, 'As it was before its last change'),
      button('Newer →', newer && (await urlAt(view, newer)), 'As it is after its next change'),
    ),
  ];
}

async function rowsOf({ service }: View, entries: readonly TreeEntry[]): Promise<Row[]> {
  const rows: Row[] = entries.map((entry) => ({ entry, type: fileTypeOf(entry.mode) }));
  const { objects } = service.trees;
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    await Promise.all(
      rows.slice(start, start + AT_ONCE).map(async (row) => {
        if (row.type === 'tree') return;
        // One broken file must not hide the others.
        const facts = await service.blobs.find(row.entry.id).catch(() => undefined);
        if (facts === undefined) return;
        row.size = facts.size;
        if (row.type !== 'link' || facts.size > 4096) return;
        const object = await objects.read(row.entry.id).catch(() => undefined);
        if (object !== undefined) row.target = decodePath(object.body);
      }),
    );
    if (rows.length > AT_ONCE) await new Promise(setImmediate);
  }
  return rows;
}

function rowHtml(view: View, { entry, type, size, target }: Row, change: FS | undefined): Html {
  const { links, place } = view;
  const path = joinPath(place.path, entry.name);
  const isDirectory = type === 'tree';
  // Names that no file can have, from a tree that no Git would write: shown, but not linked.
  const odd = entry.name === '.' || entry.name === '..' || entry.name.includes('/');
  const url = isDirectory ? links.directory(path) : links.here(path, { view: true });
  const label = html`<bdi>${visible(entry.name)}</bdi>${isDirectory && '/'}`;
  const name = odd ? label : html`<a href="${url}">${label}</a>`;
  const arrow =
    target !== undefined && html` <span class="dim">→ <bdi>${visible(target)}</bdi></span>`;
  const kind = isDirectory ? 'd' : type === 'link' ? 'l' : 'f';
  const message = change && (visible(firstLine(change.message)) || '(no message)');
  return html`<tr><td class="${kind}">${name}${arrow}<td>${kindOf(entry.name, type)}<td>${
    size !== undefined && sizeText(size)
  }<td>${change && dayOf(change)}<td>${
    change &&
    html`<a href="${links.to(path, { diff: true, to: change.commitHash })}">${shortened(message!)}</a>`
  }
`;
}

/** What a person calls a file of this name. */
function kindOf(name: string, type: FileType): string {
  if (type === 'tree') return 'Folder';
  if (type === 'link') return 'Link';
  const dot = name.lastIndexOf('.');
  const extension = dot <= 0 ? '' : name.slice(dot + 1);
  const kind = /^(image|audio|video|font)\//.exec(typeOfName(name).type)?.[1] ?? '';
  const short = /^[A-Za-z0-9+-]{1,6}$/.test(extension) ? extension.toUpperCase() : '';
  const text = [short, typeOfName(name).unsure ? '' : kind].filter((part) => part !== '').join(' ');
  if (type === 'executable') return text === '' ? 'Executable' : `${text}, executable`;
  return text || 'File';
}

function pager(view: View, number: number, pages: number, count: number): Html {
  const { links, place, tip } = view;
  const to = (page: number) =>
    page < 1 || page > pages || page === number
      ? undefined
      : page === 1
        ? pageUrl(view)
        : links.directory(place.path, { page: String(page) });
  const at =
    place.snapshot.commitHash === tip.snapshot.commitHash ? undefined : place.snapshot.commitHash;
  const { path } = place;
  return html`<nav class="pages" aria-label="Pages of this folder">${button('« First', to(1))}${button('← Previous', to(number - 1))}<span class="dim">Page ${number} of ${pages} · ${count} entries</span>${button('Next →', to(number + 1))}${button('Last »', to(pages))}${
    pages > 5 &&
    html`<form class="go" method="get" action="${links.to(path === '' ? '' : `${path}/`)}"><label>Page <input type="number" name="page" min="1" max="${pages}" value="${number}"></label>${
      at !== undefined && html`<input type="hidden" name="at" value="${at}">`
    }<button type="submit">Go</button></form>`
  }</nav>`;
}
