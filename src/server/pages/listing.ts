/** The page of a directory. */

import { decodePath } from '../../git/pathBytes.ts';
import type { TreeEntry } from '../../git/tree.ts';
import { sizeText } from '../../store/sizeText.ts';
import { firstLine, messageOf, type Snapshot } from '../../store/snapshot.ts';
import { joinPath, parentPath } from '../../tree/paths.ts';
import { type FileType, fileTypeOf } from '../../tree/types.ts';
import { typeOfName } from '../files/contentTypes.ts';
import { type Html, html, visible } from './html.ts';
import { FILE, FOLDER, LINK } from './icons.ts';
import {
  button,
  buttonPair,
  pageUrl,
  placePage,
  snapshotLine,
  timeOf,
  urlAt,
  type View,
} from './layout.ts';
import { LastChanges, type Steps, stepsOf } from './steps.ts';

/** Entries on one page. */
const PAGE_SIZE = 1_000;
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
  const pages = Math.max(1, Math.ceil(entries.length / PAGE_SIZE));
  const number = Math.min(Math.max(1, pageNumber), pages);
  const shown = entries.slice((number - 1) * PAGE_SIZE, number * PAGE_SIZE);
  const rows = await rowsOf(view, shown);
  const last = new LastChanges(
    path,
    shown.map(({ name }) => name),
    MOST_STEPS,
  );
  const signal = AbortSignal.timeout(TIME_FOR_HISTORY);
  const steps = await stepsOf(service, tip, place, signal, (change) => last.add(change));

  const line = steps.current ?? place.snapshot;
  const up = path === '' ? undefined : links.directory(parentPath(path));
  const body = html`${snapshotLine(line, links.to(path, { diff: true, to: line.id }))}<div class="box">${
    rows.length === 0 && up === undefined
      ? html`<p class="note">There is nothing here.</p>`
      : html`<table class="ls"><thead><tr><th>Name</th><th>Type</th><th class="num">Size</th><th colspan="2">Last change</th></tr></thead><tbody>
${
  up !== undefined &&
  html`<tr><td class="name"><span class="dir">${FOLDER}<a class="n" href="${up}" aria-label="Up">..</a></span></td><td class="kind"></td><td class="num"></td><td class="when"></td><td class="last"></td></tr>
`
}${rows.map((row) => rowHtml(view, row, last.found.get(row.entry.name)))}</tbody></table>`
  }</div>${pages > 1 && pager(view, number, pages, entries.length)}`;
  return {
    page: await placePage(view, 'files', await stepButtons(view, steps), body),
    complete: steps.complete,
  };
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

async function rowsOf({ service, place }: View, entries: readonly TreeEntry[]): Promise<Row[]> {
  const rows: Row[] = entries.map((entry) => ({ entry, type: fileTypeOf(entry.mode) }));
  const { objects } = place.snapshot.store;
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

function rowHtml(
  view: View,
  { entry, type, size, target }: Row,
  change: Snapshot | undefined,
): Html {
  const { links, place } = view;
  const path = joinPath(place.path, entry.name);
  const isDirectory = type === 'tree';
  // Names that no file can have, from a tree that no Git would write: shown, but not linked.
  const odd = entry.name === '.' || entry.name === '..' || entry.name.includes('/');
  const url = isDirectory ? links.directory(path) : links.here(path, { view: true });
  const label = html`<bdi>${visible(entry.name)}</bdi>${isDirectory && '/'}`;
  const name = odd ? label : html`<a class="n" href="${url}">${label}</a>`;
  const arrow =
    target !== undefined && html` <span class="dim">→ <bdi>${visible(target)}</bdi></span>`;
  const icon = isDirectory ? FOLDER : type === 'link' ? LINK : FILE;
  const message = change && (visible(firstLine(messageOf(change.commit))) || '(no message)');
  return html`<tr><td class="name"><span class="${isDirectory ? 'dir' : 'f'}">${icon}${name}${arrow}</span></td><td class="kind">${kindOf(entry.name, type)}</td><td class="num">${
    size !== undefined && sizeText(size)
  }</td><td class="when">${change && timeOf(change, true)}</td><td class="last">${
    change && html`<a href="${links.to(path, { diff: true, to: change.id })}">${message}</a>`
  }</td></tr>
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
  const { links, place } = view;
  const to = (page: number) =>
    page < 1 || page > pages
      ? undefined
      : page === 1
        ? pageUrl(view)
        : links.directory(place.path, { page: String(page) });
  return html`<nav class="pages">${button('←', to(number - 1))}<span class="dim">Page ${number} of ${pages} · ${count} entries</span>${button('→', to(number + 1))}</nav>`;
}
