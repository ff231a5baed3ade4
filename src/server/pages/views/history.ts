/** The page of a path's history: every snapshot that changed it, and two of them to compare. */

import { firstLine, shortHash } from '../../../git/objects/commitText.ts';
import { isTreeMode } from '../../../git/objects/tree.ts';
import type { FS } from '../../../store/fs.ts';
import type { Place } from '../../files/snapshots.ts';
import { type Html, html, visible } from '../frame/html.ts';
import {
  authorOf,
  button,
  dayOf,
  minuteOf,
  placePage,
  shortened,
  type View,
} from '../frame/layout.ts';
import type { Rendered } from './listing.ts';
import { changesOf } from './steps.ts';
import { timeLine } from './timeLine.ts';

/** Snapshots on one page, and characters of HTML that they may take: fewer below a time line. */
const MOST_SHOWN = 40;
const BUDGET = 30_000;
const BUDGET_BELOW_LINE = 22_000;
/** Milliseconds that one page may take to be found. */
const TIME = 5_000;

/** @param start where the list begins: the snapshot that is looked at, or an older one */
export async function historyPage(view: View, start: Place, gone: AbortSignal): Promise<Rendered> {
  const { links, place } = view;
  const { path } = place;
  const signal = AbortSignal.any([gone, AbortSignal.timeout(TIME)]);
  const url = links.to(path).length;
  const budget = path === '' ? BUDGET_BELOW_LINE : BUDGET;
  const pageSize = Math.max(5, Math.min(MOST_SHOWN, Math.floor(budget / (550 + 2 * url))));
  const found: FS[] = [];
  const changes = changesOf(start, signal);
  let next = await changes.next();
  for (; !next.done && found.length <= pageSize; next = await changes.next()) {
    found.push(next.value);
  }
  await changes.return(true);
  const complete = next.done !== true || next.value;
  const shown = found.slice(0, pageSize);
  const rest = found[pageSize];

  const isStart = start.snapshot.commitHash === place.snapshot.commitHash;
  // Only of a branch as a whole: which snapshots changed one path takes too long to find for all.
  const line = path === '' ? await timeLine(view, start.snapshot, gone) : undefined;
  const list =
    shown.length === 0
      ? html`<p class="note">${complete ? 'Nothing has changed this path.' : 'No change was found in time.'}</p>`
      : await daysOf(view, shown);
  const compare =
    shown.length > 1 &&
    html`<div class="bar"><button type="submit">Compare the two marked</button><span class="dim">from the left mark to the right one</span></div>`;
  const older = rest && links.here(path, { history: true, from: rest.commitHash });
  const newest = isStart ? undefined : links.here(path, { history: true });
  const pages =
    (older !== undefined || newest !== undefined) &&
    html`<nav class="pages" aria-label="Pages of the history">${button('← Newest', newest)}${button('Older →', older)}</nav>`;
  const note =
    !complete &&
    html`<p class="note">The search took long and was ended. There may be older changes.</p>`;
  const body = html`${line?.content}<form action="${links.to(path)}" method="get"><input type="hidden" name="diff" value="">${list}${note}${compare}</form>${pages}`;
  const query = { history: true as const, from: isStart ? undefined : start.snapshot.commitHash };
  return {
    page: await placePage(view, { tab: 'history', query, body }),
    complete: complete && line?.complete !== false,
  };
}

/** The snapshots, newest first, below the days they are of. */
async function daysOf(view: View, shown: readonly FS[]): Promise<Html> {
  const days: { day: Html; items: Html[] }[] = [];
  for (const [i, snapshot] of shown.entries()) {
    const day = dayOf(snapshot);
    if (days.at(-1)?.day.text !== day.text) days.push({ day, items: [] });
    days.at(-1)!.items.push(await item(view, snapshot, i));
  }
  return html`${days.map(
    ({ day, items }) =>
      html`<section class="day"><h2>${day}</h2><ol class="log">${items}</ol></section>\n`,
  )}`;
}

async function item({ service, links, place }: View, snapshot: FS, i: number): Promise<Html> {
  const { path } = place;
  const message = shortened(visible(firstLine(snapshot.message))) || '(no message)';
  const entry = await service.trees.lookup(snapshot.treeHash, path);
  const at = { at: snapshot.commitHash };
  const show =
    entry === undefined
      ? html`<span class="dim">removed</span>`
      : isTreeMode(entry.mode)
        ? html`<a href="${links.to(path === '' ? '' : `${path}/`, at)}">Files</a>`
        : html`<a href="${links.to(path, { view: true, ...at })}">View</a>`;
  const short = shortHash(snapshot.commitHash);
  return html`<li><span class="pick"><input type="radio" name="from" value="${snapshot.commitHash}" aria-label="Compare from ${short}"${i === 1 && ' checked'}><input type="radio" name="to" value="${snapshot.commitHash}" aria-label="Compare to ${short}"${i === 0 && ' checked'}></span><span class="msg"><a href="${links.to(path, { diff: true, to: snapshot.commitHash })}">${message}</a></span><span class="by">${authorOf(snapshot)} · ${minuteOf(snapshot)} · <span class="mono">${short}</span></span><span class="see">${show}</span></li>
`;
}
