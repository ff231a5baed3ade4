/** What all pages have: the head with the way to where one is, and around it the snapshot's line. */
import { firstLine, shortHash } from '../../../git/objects/commitText.ts';
import type { FS } from '../../../store/fs.ts';
import { baseName, parentPath } from '../../../tree/paths.ts';
import { fileTypeOf } from '../../../tree/types.ts';
import type { Service } from '../../files/service.ts';
import { localTimeOf, type Place } from '../../files/snapshots.ts';
import { Html, html, visible, wellFormed } from './html.ts';
import { Links, type Query } from './links.ts';
import { STYLE } from './style.ts';

/** What a page is about. */
export interface View {
  readonly service: Service;
  /** The snapshot that is served. */
  readonly tip: Place;
  /** The one that is looked at: the same, or an older one. */
  readonly place: Place;
  readonly links: Links;
  /** What stands at the place. */
  readonly kind: 'directory' | 'file' | 'nothing';
}

export async function viewOf(service: Service, tip: Place, place: Place): Promise<View> {
  const { snapshot, path } = place;
  const entry = await service.trees.lookup(snapshot.treeHash, path);
  const isDirectory = entry !== undefined && fileTypeOf(entry.mode) === 'tree';
  const kind = entry === undefined ? 'nothing' : isDirectory ? 'directory' : 'file';
  return { service, tip, place, links: new Links(service, tip, place), kind };
}

/** The page of the same path in another snapshot: of the change that took it away when it is gone. */
export async function urlAt({ service, tip, place, links }: View, snapshot: FS): Promise<string> {
  const { path } = place;
  const { commitHash: id, treeHash } = snapshot;
  const at = id === tip.snapshot.commitHash ? undefined : id;
  const entry = await service.trees.lookup(treeHash, path);
  if (entry === undefined) return links.to(path, { diff: true, to: id });
  if (fileTypeOf(entry.mode) !== 'tree') return links.to(path, { view: true, at });
  return links.to(path === '' ? '' : `${path}/`, { at });
}

/** A whole page. @param body with an element `main` that has the id `content` */
export function page(title: string, body: Html): Html {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${visible(title)}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body><a class="skip" href="#content">To the content</a><div class="wrap">
${body}
</div></body>
</html>
`;
}

/** A part of the page, by the tab that leads to it. */
export type Tab = 'files' | 'history' | 'diff' | 'find';

export interface PlacePage {
  readonly tab: Tab;
  /** More that can be done with the place: at the end of the row of tabs. */
  readonly actions?: readonly (Html | false | undefined)[];
  /** The query that makes the page, without the snapshot. */
  readonly query: Query;
  /** What is searched for. */
  readonly search?: string;
  readonly body: Html;
}

/** A page about a place: its name, what can be done with it, and what is there. */
export async function placePage(view: View, made: PlacePage): Promise<Html> {
  const { service, tip, place, links } = view;
  const { path, snapshot } = place;
  const { tab: active } = made;
  const name = path === '' ? service.title : `${baseName(path)} · ${service.title}`;
  // What changed between two snapshots is the same from everywhere.
  const at = active === 'diff' ? undefined : snapshot.commitHash;
  const kept = links.to(urlPath(view), { ...made.query, at });
  const ref = refText(tip.snapshot);
  const isOld = snapshot.commitHash !== tip.snapshot.commitHash;
  return page(
    name,
    html`<header>
<div class="top"><h1>${crumbs(view)}</h1>${searchForm(view, made.search ?? '')}</div>
<nav class="bar" aria-label="Views of this path">${
      service.all
        ? html`<a class="tag" href="${service.baseUrl}/" title="All branches and tags">${ref}</a>`
        : html`<span class="tag">${ref}</span>`
    }${
      view.kind !== 'nothing' &&
      tab(active, 'files', view.kind === 'file' ? 'View' : 'Files', pageUrl(view))
    }${tab(active, 'history', 'History', links.here(path, { history: true }))}${
      active === 'diff' && tab(active, 'diff', 'Changes', kept)
    }${active === 'find' && tab(active, 'find', 'Search', kept)}<span class="acts">${made.actions ?? []}<a class="btn" href="${kept}" title="A link to this page as it is now, whatever is committed later">Permalink</a></span></nav>
</header>
${
  isOld &&
  html`<p class="old">An older snapshot, ${shortHash(snapshot.commitHash)} of ${timeOf(snapshot)}. <a href="${await urlAt(view, tip.snapshot)}">Go to the newest</a></p>
`
}<main id="content">
${made.body}
</main>
<footer><span>gitstore</span><span class="mono">${snapshot.commitHash}</span></footer>`,
  );
}

function tab(active: Tab, key: Tab, label: string, url: string): Html {
  return html`<a class="btn"${active === key && new Html(' aria-current="page"')} href="${url}">${label}</a>`;
}

/** The page that shows what stands at the place. */
export function pageUrl({ place, links, kind }: View): string {
  return kind === 'file' ? links.here(place.path, { view: true }) : links.directory(place.path);
}

/** The path as it stands in the URL of the place: a directory's ends in a slash. */
function urlPath({ place, kind }: View): string {
  return kind === 'directory' && place.path !== '' ? `${place.path}/` : place.path;
}

/** The folder of the place, or the one that holds it. */
function folderOf({ place, kind }: View): string {
  return kind === 'directory' ? place.path : parentPath(place.path);
}

function searchForm(view: View, search: string): Html {
  const { tip, place, links } = view;
  const folder = folderOf(view);
  const at =
    place.snapshot.commitHash === tip.snapshot.commitHash ? undefined : place.snapshot.commitHash;
  const label = folder === '' ? 'Find a path' : `Find a path in ${visible(baseName(folder))}/`;
  return html`<form class="find" role="search" method="get" action="${links.to(folder === '' ? '' : `${folder}/`)}"><input type="search" name="find" value="${visible(search)}" placeholder="${label}" aria-label="${label}" maxlength="200">${
    at !== undefined && html`<input type="hidden" name="at" value="${at}">`
  }<button type="submit">Find</button></form>`;
}

function crumbs({ service, tip, place, links }: View): Html {
  const steps: Html[] = [];
  const separator = html`<span class="sep">/</span>`;
  if (service.all) {
    steps.push(html`<a href="${service.baseUrl}/">${visible(service.title)}</a>${separator}`);
    steps.push(html`<a href="${links.directory('')}"><bdi>${visible(tip.root)}</bdi></a>`);
  } else {
    steps.push(html`<a href="${links.directory('')}">${visible(service.title)}</a>`);
  }
  let at = '';
  for (const name of place.path === '' ? [] : place.path.split('/')) {
    at = at === '' ? name : `${at}/${name}`;
    const isLast = at === place.path;
    const shown = html`<bdi>${visible(name)}</bdi>`;
    steps.push(
      html`${separator}${isLast ? shown : html`<a href="${links.directory(at)}">${shown}</a>`}`,
    );
  }
  return html`${steps}`;
}

export function refText({ refName, commitHash }: FS): string {
  return refName === null ? shortHash(commitHash) : visible(refName);
}

/** The line above a listing or a file: the snapshot it is as of. */
export function snapshotLine(snapshot: FS, changesUrl: string | undefined): Html {
  const message = visible(shortened(firstLine(snapshot.message), 200)) || '(no message)';
  return html`<div class="snap"><span class="msg">${
    changesUrl === undefined ? message : html`<a href="${changesUrl}">${message}</a>`
  }</span><span class="by">${authorOf(snapshot)} · ${timeOf(snapshot)} · <span class="mono">${shortHash(snapshot.commitHash)}</span></span></div>
`;
}

/** When a commit was made, in the zone it was made in; undefined where that is no time. */
function localTime(snapshot: FS): string | undefined {
  const local = new Date(localTimeOf(snapshot) * 1000);
  return Number.isNaN(local.getTime()) ? undefined : local.toISOString();
}

/** The time of a commit, to the minute. */
export function timeOf(snapshot: FS): Html {
  const local = localTime(snapshot);
  if (local === undefined || Number.isNaN(snapshot.time.getTime())) return html`no valid time`;
  const shown = local.replace('T', ' ').slice(0, 16);
  return html`<time datetime="${snapshot.time.toISOString()}">${shown}</time>`;
}

/** The day of a commit. */
export function dayOf(snapshot: FS): Html {
  const local = localTime(snapshot);
  return local === undefined ? html`no valid time` : html`<time>${local.slice(0, 10)}</time>`;
}

/** The time of day of a commit. */
export function minuteOf(snapshot: FS): Html {
  const local = localTime(snapshot);
  return local === undefined ? html`no valid time` : html`<time>${local.slice(11, 16)}</time>`;
}

/** Characters of a message, or of a name, that a row shows. */
const MOST_IN_ROW = 72;

/** A text, or its beginning. */
export function shortened(text: string, most = MOST_IN_ROW): string {
  return text.length <= most ? text : `${wellFormed(text.slice(0, most))}…`;
}

export function authorOf({ authorName }: FS): string {
  return visible(shortened(authorName));
}

/** Two buttons that stay together. */
export function buttonPair(first: Html, second: Html): Html {
  return html`<span class="pair">${first}${second}</span>`;
}

/** A link that leads somewhere, or the same without. */
export function button(label: string, url: string | undefined, title = ''): Html {
  return url === undefined
    ? html`<span class="btn off" aria-disabled="true">${label}</span>`
    : html`<a class="btn" href="${url}"${title !== '' && html` title="${title}"`}>${label}</a>`;
}
