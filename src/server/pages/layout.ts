/** What all pages have: the head with the way to where one is, and around it the snapshot's line. */
import { firstLine, messageOf, type Snapshot, shortHash } from '../../store/snapshot.ts';
import { baseName } from '../../tree/paths.ts';
import { fileTypeOf } from '../../tree/types.ts';
import type { Service } from '../files/service.ts';
import type { Place } from '../files/snapshots.ts';
import { Html, html, visible } from './html.ts';
import { Links } from './links.ts';
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
  const entry = await snapshot.store.trees.lookup(snapshot.commit.tree, path);
  const isDirectory = entry !== undefined && fileTypeOf(entry.mode) === 'tree';
  const kind = entry === undefined ? 'nothing' : isDirectory ? 'directory' : 'file';
  return { service, tip, place, links: new Links(service, tip, place), kind };
}

/** The page of the same path in another snapshot: of the change that took it away when it is gone. */
export async function urlAt({ tip, place, links }: View, snapshot: Snapshot): Promise<string> {
  const { path } = place;
  const { store, commit, id } = snapshot;
  const at = id === tip.snapshot.id ? undefined : id;
  const entry = await store.trees.lookup(commit.tree, path);
  if (entry === undefined) return links.to(path, { diff: true, to: id });
  if (fileTypeOf(entry.mode) !== 'tree') return links.to(path, { view: true, at });
  return links.to(path === '' ? '' : `${path}/`, { at });
}

/** A whole page. */
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
<body><div class="wrap">
${body}
</div></body>
</html>
`;
}

/** A page about a place: its name, what can be done with it, and what is there. */
export async function placePage(
  view: View,
  active: string,
  actions: readonly Html[],
  body: Html,
): Promise<Html> {
  const { service, tip, place, links } = view;
  const { path } = place;
  const name = path === '' ? service.title : `${baseName(path)} · ${service.title}`;
  const tabs = [
    view.kind !== 'nothing' &&
      tab(active, 'files', view.kind === 'file' ? 'View' : 'Files', pageUrl(view)),
    tab(active, 'history', 'History', links.here(path, { history: true })),
    ...actions,
  ];
  const isOld = place.snapshot.id !== tip.snapshot.id;
  return page(
    name,
    html`<header>
<h1>${crumbs(view)}</h1>
<nav class="bar"><span class="tag">${refText(tip.snapshot)}</span>${tabs}</nav>
</header>
${
  isOld &&
  html`<p class="old">An older snapshot, ${shortHash(place.snapshot.id)} of ${timeOf(place.snapshot)}. <a href="${await urlAt(view, tip.snapshot)}">Go to the newest</a></p>
`
}<main>
${body}
</main>
<footer><span>gitstore</span><span class="mono">${place.snapshot.id}</span></footer>`,
  );
}

function tab(active: string, key: string, label: string, url: string): Html {
  return html`<a class="btn${active === key && ' on'}" href="${url}">${label}</a>`;
}

/** The page that shows what stands at the place. */
export function pageUrl({ place, links, kind }: View): string {
  return kind === 'file' ? links.here(place.path, { view: true }) : links.directory(place.path);
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

export function refText({ ref, id }: Snapshot): string {
  return ref === null ? shortHash(id) : visible(ref.name);
}

/** The line above a listing or a file: the snapshot it is as of. */
export function snapshotLine(snapshot: Snapshot, changesUrl: string | undefined): Html {
  const message = visible(firstLine(messageOf(snapshot.commit))) || '(no message)';
  return html`<div class="snap"><span class="msg">${
    changesUrl === undefined ? message : html`<a href="${changesUrl}">${message}</a>`
  }</span><span class="by">${visible(snapshot.commit.author.name)} · ${timeOf(snapshot)} · <span class="mono">${shortHash(snapshot.id)}</span></span></div>
`;
}

/** When a commit was made, to the minute in the zone it was made in. */
export function timeOf({ commit }: Snapshot, dayOnly = false): Html {
  const { time, offset } = commit.committer;
  const local = new Date((time + offset * 60) * 1000);
  const exact = new Date(time * 1000);
  if (Number.isNaN(local.getTime()) || Number.isNaN(exact.getTime())) return html`no valid time`;
  const text = local
    .toISOString()
    .replace('T', ' ')
    .slice(0, dayOnly ? 10 : 16);
  return html`<time datetime="${exact.toISOString()}">${text}</time>`;
}

/** Two buttons that stay together, at the end of the row. */
export function buttonPair(first: Html, second: Html): Html {
  return html`<span class="pair">${first}${second}</span>`;
}

/** A link that leads somewhere, or the same without. */
export function button(label: string, url: string | undefined, title = ''): Html {
  return url === undefined
    ? html`<span class="btn off">${label}</span>`
    : html`<a class="btn" href="${url}"${title !== '' && html` title="${title}"`}>${label}</a>`;
}
