/** The page of a path's history: every snapshot that changed it, and two of them to compare. */
import { isTreeMode } from '../../git/tree.ts';
import { firstLine, messageOf, type Snapshot, shortHash } from '../../store/snapshot.ts';
import type { Place } from '../files/snapshots.ts';
import { type Html, html, visible } from './html.ts';
import { button, placePage, timeOf, type View } from './layout.ts';
import type { Rendered } from './listing.ts';
import { changesOf } from './steps.ts';

/** Snapshots on one page. */
const PAGE_SIZE = 50;
/** Milliseconds that one page may take to be found. */
const TIME = 5_000;

/** @param start where the list begins: the snapshot that is looked at, or an older one */
export async function historyPage(view: View, start: Place, gone: AbortSignal): Promise<Rendered> {
  const { links, place } = view;
  const { path } = place;
  const signal = AbortSignal.any([gone, AbortSignal.timeout(TIME)]);
  const found: Snapshot[] = [];
  const changes = changesOf(start, signal);
  let next = await changes.next();
  for (; !next.done && found.length <= PAGE_SIZE; next = await changes.next()) {
    found.push(next.value);
  }
  await changes.return(true);
  const complete = next.done !== true || next.value;
  const shown = found.slice(0, PAGE_SIZE);
  const rest = found[PAGE_SIZE];

  const items: Html[] = [];
  for (const [i, snapshot] of shown.entries()) items.push(await item(view, snapshot, i));
  const list =
    shown.length === 0
      ? html`<p class="note">${complete ? 'Nothing has changed this path.' : 'No change was found in time.'}</p>`
      : html`<ol class="log">${items}</ol>`;
  const compare =
    shown.length > 1 &&
    html`<div class="bar"><button type="submit">Compare the two marked</button><span class="dim">from the left mark to the right one</span></div>`;
  const older = rest && links.here(path, { history: true, from: rest.id });
  const isStart = start.snapshot.id === place.snapshot.id;
  const newest = isStart ? undefined : links.here(path, { history: true });
  const pages =
    (older !== undefined || newest !== undefined) &&
    html`<nav class="pages">${button('← Newest', newest)}${button('Older →', older)}</nav>`;
  const note =
    !complete &&
    html`<p class="note">The search took long and was ended. There may be older changes.</p>`;
  const body = html`<form action="${links.to(path)}" method="get"><input type="hidden" name="diff" value=""><div class="box">${list}</div>${note}${compare}</form>${pages}`;
  return { page: await placePage(view, 'history', [], body), complete };
}

async function item({ links, place }: View, snapshot: Snapshot, i: number): Promise<Html> {
  const { path } = place;
  const message = visible(firstLine(messageOf(snapshot.commit))) || '(no message)';
  const { store, commit } = snapshot;
  const entry = await store.trees.lookup(commit.tree, path);
  const at = { at: snapshot.id };
  const show =
    entry === undefined
      ? html`<span class="dim">removed</span>`
      : isTreeMode(entry.mode)
        ? html`<a href="${links.to(path === '' ? '' : `${path}/`, at)}">Files</a>`
        : html`<a href="${links.to(path, { view: true, ...at })}">View</a>`;
  const short = shortHash(snapshot.id);
  return html`<li><span class="pick"><input type="radio" name="from" value="${snapshot.id}" aria-label="Compare from ${short}"${i === 1 && ' checked'}><input type="radio" name="to" value="${snapshot.id}" aria-label="Compare to ${short}"${i === 0 && ' checked'}></span><span class="msg"><a href="${links.to(path, { diff: true, to: snapshot.id })}">${message}</a></span><span class="by">${visible(commit.author.name)} · ${timeOf(snapshot)} · <span class="mono">${short}</span></span><span class="acts">${show}</span></li>
`;
}
