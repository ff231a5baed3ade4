/** The page of what changed between two snapshots: the files, and the lines of text files. */
import { EMPTY_TREE_ID } from '../../git/objectId.ts';
import { MODE_GITLINK, type TreeEntry } from '../../git/tree.ts';
import { sizeText } from '../../store/sizeText.ts';
import { firstLine, messageOf, type Snapshot, shortHash } from '../../store/snapshot.ts';
import { diffTrees, type TreeDifference } from '../../tree/diff.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { PLAIN_TEXT, typeOfName } from '../files/contentTypes.ts';
import type { Place } from '../files/snapshots.ts';
import { type Html, html, visible, wellFormed } from './html.ts';
import { button, buttonPair, placePage, timeOf, urlAt, type View } from './layout.ts';
import { lineDiff } from './lineDiff.ts';
import type { Rendered } from './listing.ts';
import { changesOf, stepsOf } from './steps.ts';
import { decodeText } from './viewer.ts';

/** Files that are listed. */
const MOST_FILES = 2_000;
/** Files whose lines are shown on one page. */
const MOST_OPEN = 40;
/** Milliseconds for the line diffs of one page; what is left is a click away. */
const TIME_FOR_LINES = 1_000;
/** Milliseconds that may go into looking for the changes before and after. */
const TIME_FOR_HISTORY = 250;
/** Milliseconds that may go into looking for the change to be shown. */
const TIME_FOR_CHANGE = 5_000;

/** The snapshot in which a place became what it is; the place's own where that takes too long. */
export async function lastChange(place: Place, gone: AbortSignal): Promise<Snapshot> {
  const signal = AbortSignal.any([gone, AbortSignal.timeout(TIME_FOR_CHANGE)]);
  for await (const change of changesOf(place, signal)) return change;
  return place.snapshot;
}

/** @param from undefined: from nothing, for a first snapshot */
export async function changesPage(
  view: View,
  from: Snapshot | undefined,
  to: Snapshot,
  gone: AbortSignal,
): Promise<Rendered> {
  const { service, tip, place, links } = view;
  const { path } = place;
  const found: TreeDifference[] = [];
  let tooMany = false;
  const before = from?.commit.tree ?? EMPTY_TREE_ID;
  for await (const change of diffTrees(service.context.trees, before, to.commit.tree, { path })) {
    if (found.length === MOST_FILES) {
      tooMany = true;
      break;
    }
    found.push(change);
    if (found.length % 256 === 0) await new Promise(setImmediate);
    gone.throwIfAborted();
  }

  const ends = { from: from?.id ?? '', to: to.id };
  const opened: Html[] = [];
  const listed: Html[] = [];
  const deadline = performance.now() + TIME_FOR_LINES;
  for (const change of found) {
    gone.throwIfAborted();
    const single = found.length === 1;
    if (single || (opened.length < MOST_OPEN && performance.now() < deadline)) {
      opened.push(await fileChange(view, change, ends));
      await new Promise(setImmediate);
    } else {
      const url = links.to(change.path, { diff: true, ...ends });
      listed.push(html`<li>${mark(change)}<a href="${url}"><bdi>${visible(change.path)}</bdi></a></li>
`);
    }
  }
  const steps = await stepsOf(
    service,
    tip,
    { ...place, snapshot: to },
    AbortSignal.timeout(TIME_FOR_HISTORY),
  );
  const step = (snapshot: Snapshot | undefined) =>
    snapshot && links.to(path, { diff: true, to: snapshot.id });
  const isOneStep = from?.id === to.commit.parents[0];
  const swap = from && links.to(path, { diff: true, from: to.id, to: from.id });
  const actions = [
    path !== '' && button('All files', links.to('', { diff: true, ...ends })),
    button('Swap', swap, 'The other way round'),
    buttonPair(
      button('← Older', step(steps.older), 'The change before'),
      button('Newer →', step(steps.newer), 'The change after'),
    ),
  ].filter((action) => action !== false);
  const count = tooMany ? `more than ${MOST_FILES} files` : countText(found.length);
  const body = html`<div class="ends">${isOneStep && messageText(to)}<p>${await ending(view, from)} → ${await ending(view, to)} <span class="dim">· ${count}</span></p></div>
${found.length === 0 && html`<div class="box"><p class="note">Nothing differs here.</p></div>`}${opened}${
  listed.length > 0 && html`<div class="box"><ol class="log">${listed}</ol></div>`
}`;
  return { page: await placePage(view, 'diff', actions, body), complete: steps.complete };
}

function countText(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}

/** One side of the comparison, with the way to it. */
async function ending(view: View, snapshot: Snapshot | undefined): Promise<Html> {
  if (snapshot === undefined) return html`nothing`;
  const url = await urlAt(view, snapshot);
  return html`<a class="mono" href="${url}">${shortHash(snapshot.id)}</a> <span class="dim">${timeOf(snapshot)}</span>`;
}

function messageText(snapshot: Snapshot): Html {
  const message = messageOf(snapshot.commit);
  const title = firstLine(message);
  const rest = message.slice(message.indexOf(title) + title.length).trim();
  return html`<h2>${visible(title) || '(no message)'}</h2><p class="dim">${visible(snapshot.commit.author.name)}</p>${
    rest !== '' && html`<pre class="body">${wellFormed(rest)}</pre>`
  }`;
}

function mark({ status }: TreeDifference): Html {
  const word = { A: 'Added', M: 'Modified', D: 'Deleted' }[status];
  return html`<span class="st ${status}" title="${word}">${status}</span>`;
}

interface Ends {
  readonly from: string;
  readonly to: string;
}

async function fileChange(view: View, change: TreeDifference, ends: Ends): Promise<Html> {
  const { links } = view;
  const { path } = change;
  const name = html`<bdi>${visible(path)}</bdi>`;
  const before =
    change.old && html` <a href="${links.to(path, { view: true, at: ends.from })}">before</a>`;
  const after =
    change.new && html` <a href="${links.to(path, { view: true, at: ends.to })}">after</a>`;
  const { counts, content } = await contentChange(view, change, ends);
  return html`<details class="file" open><summary>${mark(change)}${name} ${counts}<span class="sides">${before}${after}</span></summary>${content}</details>
`;
}

interface ContentChange {
  readonly counts: Html;
  readonly content: Html;
}

/** Bytes of text that are compared. */
const MOST_TEXT = 1 << 20;

async function contentChange(
  view: View,
  change: TreeDifference,
  ends: Ends,
): Promise<ContentChange> {
  const old = await sideOf(view, change.old, change.path);
  const now = await sideOf(view, change.new, change.path);
  const sizes = `${old === undefined ? '' : `${sizeText(old.size)} → `}${now === undefined ? 'gone' : sizeText(now.size)}`;
  const types =
    change.old !== undefined &&
    change.new !== undefined &&
    change.old.mode !== change.new.mode &&
    `${fileTypeOf(change.old.mode)} → ${fileTypeOf(change.new.mode)}`;
  const say = (text: string): ContentChange => ({
    counts: html`<span class="dim">${types || sizes}</span>`,
    content: html`<p class="note">${text}</p>`,
  });
  if (change.old?.id === change.new?.id) return say(`Only its type changed: ${types}`);
  if (old?.text === undefined && old !== undefined) return describe(view, change, ends, say);
  if (now?.text === undefined && now !== undefined) return describe(view, change, ends, say);
  const diff = lineDiff(old?.text ?? '', now?.text ?? '');
  if (diff === undefined) return say('The two differ too much to be compared line by line.');
  if (diff.added + diff.removed === 0) return say('The file is empty.');
  return {
    counts: html`<span class="mono"><span class="plus">+${diff.added}</span> <span class="minus">−${diff.removed}</span></span> ${types && html`<span class="dim">${types}</span>`}`,
    content: diff.table,
  };
}

/** For what has no lines: pictures are shown, of the rest only the sizes are told. */
function describe(
  { links }: View,
  { path, old, new: now }: TreeDifference,
  { from, to }: Ends,
  say: (text: string) => ContentChange,
): ContentChange {
  const { counts, content } = say('It is not text, or too long to be compared here.');
  if (!/^image\//.test(typeOfName(path).type)) return { counts, content };
  const picture = (at: string) => html`<img alt="" src="${links.to(path, { at })}">`;
  return {
    counts,
    content: html`<div class="media${old && now && ' two'}">${old && picture(from)}${now && picture(to)}</div>`,
  };
}

/** A file on one side; its text when it has one that can be compared. */
async function sideOf(
  { service }: View,
  entry: TreeEntry | undefined,
  path: string,
): Promise<{ size: number; text?: string } | undefined> {
  if (entry === undefined || entry.mode === MODE_GITLINK) return undefined;
  const { blobs } = service;
  const facts = await blobs.facts(entry.id);
  const { size } = facts;
  const readable =
    size <= MOST_TEXT && (typeOfName(path).type === PLAIN_TEXT || (await blobs.text(facts)).isText);
  return readable ? { size, text: decodeText(await blobs.body(entry.id)) } : { size };
}
