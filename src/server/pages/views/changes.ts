/** The page of what changed between two snapshots: the files, and the lines of text files. */

import { sizeText } from '../../../byteSize.ts';
import { EMPTY_TREE_ID } from '../../../git/objectId.ts';
import { firstLine, shortHash } from '../../../git/objects/commitText.ts';
import { MODE_GITLINK, type TreeEntry } from '../../../git/objects/tree.ts';
import type { FS } from '../../../store/fs.ts';
import { diffTrees, type TreeDifference } from '../../../tree/diff.ts';
import { fileTypeOf } from '../../../tree/types.ts';
import { PLAIN_TEXT, typeOfName } from '../../files/contentTypes.ts';
import type { Place } from '../../files/snapshots.ts';
import { colouredLines } from '../contents/colours.ts';
import { decodeText } from '../contents/text.ts';
import { type Html, html, visible, wellFormed } from '../frame/html.ts';
import {
  authorOf,
  button,
  buttonPair,
  placePage,
  shortened,
  timeOf,
  urlAt,
  type View,
} from '../frame/layout.ts';
import { type DiffSide, lineDiff } from './lineDiff.ts';
import type { Rendered } from './listing.ts';
import { changesOf, stepsOf } from './steps.ts';

/** Files that are looked for. */
const MOST_FILES = 10_000;
/** Characters of HTML for the files whose lines are shown, and for the list of those that follow. */
const OPEN_BUDGET = 24_000;
const LIST_BUDGET = 5_000;
/** The part of it for one file, when there are several. */
const MOST_OF_FILE = 8_000;
/** Milliseconds for the line diffs of one page; what is left is a click away. */
const TIME_FOR_LINES = 1_000;
/** Milliseconds that may go into looking for the changes before and after. */
const TIME_FOR_HISTORY = 250;
/** Milliseconds that may go into looking for the change to be shown. */
const TIME_FOR_CHANGE = 5_000;

/** The snapshot in which a place became what it is; the place's own where that takes too long. */
export async function lastChange(place: Place, gone: AbortSignal): Promise<FS> {
  const signal = AbortSignal.any([gone, AbortSignal.timeout(TIME_FOR_CHANGE)]);
  for await (const change of changesOf(place, signal)) return change;
  return place.snapshot;
}

export interface ChangesOptions {
  /** Undefined: from nothing, for a first snapshot. */
  readonly from: FS | undefined;
  readonly to: FS;
  /** Files, and rows of the lines of a single file, that pages before this one have shown. */
  readonly skip: number;
}

export async function changesPage(
  view: View,
  { from, to, skip }: ChangesOptions,
  gone: AbortSignal,
): Promise<Rendered> {
  const { service, tip, place, links } = view;
  const { path } = place;
  const found: TreeDifference[] = [];
  let tooMany = false;
  const before = from?.treeHash ?? EMPTY_TREE_ID;
  for await (const change of diffTrees(service.trees, before, to.treeHash, { path })) {
    if (found.length === MOST_FILES) {
      tooMany = true;
      break;
    }
    found.push(change);
    if (found.length % 256 === 0) await new Promise(setImmediate);
    gone.throwIfAborted();
  }

  const ends = { from: from?.commitHash ?? '', to: to.commitHash };
  const opened: Html[] = [];
  const deadline = performance.now() + TIME_FOR_LINES;
  let used = 0;
  let late = false;
  let next: number | undefined;
  if (found.length === 1) {
    const shown = await fileChange(view, found[0]!, ends, skip, OPEN_BUDGET + LIST_BUDGET);
    opened.push(shown.content);
    next = shown.next;
  } else {
    let at = Math.min(skip, Math.max(0, found.length - 1));
    for (; at < found.length; at++) {
      gone.throwIfAborted();
      late = performance.now() > deadline;
      if (opened.length > 0 && (used > OPEN_BUDGET || late)) break;
      const shown = await fileChange(
        view,
        found[at]!,
        ends,
        0,
        Math.min(MOST_OF_FILE, OPEN_BUDGET - used),
      );
      opened.push(shown.content);
      used += shown.content.text.length;
      await new Promise(setImmediate);
    }
    if (at < found.length) next = at;
  }
  const query = {
    diff: true as const,
    ...ends,
    skip: skip > 0 ? String(skip) : undefined,
  };
  const others = next === undefined || found.length === 1 ? [] : found.slice(next);
  const pageFrom = (from: number) =>
    links.to(path, { ...query, skip: from > 0 ? String(from) : undefined });
  const pager =
    (next !== undefined || skip > 0) &&
    html`<nav class="pages" aria-label="Pages of the changes">${button('« First', skip > 0 ? pageFrom(0) : undefined)}${
      others.length > 0 &&
      html`<span class="dim">${tooMany && 'more than '}${others.length} more ${others.length === 1 ? 'file' : 'files'}</span>`
    }${button('Next →', next === undefined ? undefined : pageFrom(next))}</nav>`;

  const steps = await stepsOf(
    service,
    tip,
    { ...place, snapshot: to },
    AbortSignal.timeout(TIME_FOR_HISTORY),
  );
  const step = (snapshot: FS | undefined) =>
    snapshot && links.to(path, { diff: true, to: snapshot.commitHash });
  const isOneStep = from?.commitHash === to.parentHashes[0];
  const swap = from && links.to(path, { diff: true, from: to.commitHash, to: from.commitHash });
  const actions = [
    buttonPair(
      button('← Older', step(steps.older), 'The change before'),
      button('Newer →', step(steps.newer), 'The change after'),
    ),
    path !== '' && button('All files', links.to('', { diff: true, ...ends })),
    button('Swap', swap, 'The other way round'),
  ];
  const count = tooMany ? `more than ${MOST_FILES} files` : countText(found.length);
  const body = html`<div class="ends">${isOneStep && messageText(to)}<p>${await ending(view, from)} → ${await ending(view, to)} <span class="dim">· ${count}</span></p></div>
${found.length === 0 && html`<div class="box"><p class="note">Nothing differs here.</p></div>`}${opened}${listOf(view, others, ends)}${pager}`;
  return {
    page: await placePage(view, { tab: 'diff', actions, query, body }),
    complete: steps.complete && !late,
  };
}

/** The files that the next pages show, as far as fits. */
function listOf({ links }: View, changes: readonly TreeDifference[], ends: Ends): Html | undefined {
  if (changes.length === 0) return undefined;
  const listed: Html[] = [];
  let used = 0;
  for (const change of changes) {
    if (used > LIST_BUDGET) break;
    const url = links.to(change.path, { diff: true, ...ends });
    const row = html`<li>${mark(change)}<a href="${url}"><bdi>${visible(change.path)}</bdi></a></li>\n`;
    used += row.text.length;
    listed.push(row);
  }
  return html`<div class="box"><ol class="log">${listed}</ol></div>`;
}

function countText(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}

/** One side of the comparison, with the way to it. */
async function ending(view: View, snapshot: FS | undefined): Promise<Html> {
  if (snapshot === undefined) return html`nothing`;
  const url = await urlAt(view, snapshot);
  return html`<a class="mono" href="${url}">${shortHash(snapshot.commitHash)}</a> <span class="dim">${timeOf(snapshot)}</span>`;
}

function messageText(snapshot: FS): Html {
  const message = snapshot.message;
  const title = firstLine(message);
  const rest = shortened(message.slice(message.indexOf(title) + title.length).trim(), MOST_MESSAGE);
  return html`<h2>${visible(shortened(title, 300)) || '(no message)'}</h2><p class="dim">${authorOf(snapshot)}</p>${
    rest !== '' && html`<pre class="body">${wellFormed(rest)}</pre>`
  }`;
}

/** Characters of a message. */
const MOST_MESSAGE = 4_000;

function mark({ status }: TreeDifference): Html {
  const word = { A: 'Added', M: 'Modified', D: 'Deleted' }[status];
  return html`<span class="st ${status}" title="${word}">${status}</span>`;
}

interface Ends {
  readonly from: string;
  readonly to: string;
}

interface ShownChange {
  readonly content: Html;
  /** The row that the next page begins with. */
  readonly next: number | undefined;
}

/**
 * @param skip rows that are left out
 * @param most characters of HTML for rows
 */
async function fileChange(
  view: View,
  change: TreeDifference,
  ends: Ends,
  skip: number,
  most: number,
): Promise<ShownChange> {
  const { links } = view;
  const { path } = change;
  const name = html`<bdi>${visible(path)}</bdi>`;
  const before =
    change.old && html` <a href="${links.to(path, { view: true, at: ends.from })}">before</a>`;
  const after =
    change.new && html` <a href="${links.to(path, { view: true, at: ends.to })}">after</a>`;
  const { counts, content, next } = await contentChange(view, change, ends, skip, most);
  const isAlone = path === view.place.path;
  const rest =
    next !== undefined &&
    !isAlone &&
    html`<p class="note"><a href="${links.to(path, { diff: true, ...ends, skip: String(next) })}">More of this file</a></p>`;
  return {
    content: html`<details class="file" open><summary>${mark(change)}${name} ${counts}</summary><p class="sides">${before}${after}</p>${content}${rest}</details>\n`,
    next: isAlone ? next : undefined,
  };
}

interface ContentChange {
  readonly counts: Html;
  readonly content: Html;
  readonly next?: number | undefined;
}

/** Bytes of text that are compared. */
const MOST_TEXT = 1 << 20;

async function contentChange(
  view: View,
  change: TreeDifference,
  ends: Ends,
  skip: number,
  most: number,
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
  const pictures = picturesOf(view, change, ends, old?.size, now?.size);
  const isText = (old?.diff ?? now?.diff) !== undefined;
  const readable = (side: typeof old) => side === undefined || side.diff !== undefined;
  if (!isText || !readable(old) || !readable(now)) {
    const said = say('It is not text, or too long to be compared here.');
    return { ...said, content: pictures ?? said.content };
  }
  const diff = lineDiff(old?.diff ?? NOTHING, now?.diff ?? NOTHING, skip, most);
  if (diff === undefined) return say('The two differ too much to be compared line by line.');
  if (diff.added + diff.removed === 0) return say('The file is empty.');
  return {
    counts: html`<span class="mono"><span class="plus">+${diff.added}</span> <span class="minus">−${diff.removed}</span></span> ${types && html`<span class="dim">${types}</span>`}`,
    content: html`${pictures}${diff.table}`,
    next: diff.next,
  };
}

/** Both pictures side by side; undefined for what is none. */
function picturesOf(
  { links }: View,
  { path, old, new: now }: TreeDifference,
  { from, to }: Ends,
  oldSize: number | undefined,
  newSize: number | undefined,
): Html | undefined {
  if (!typeOfName(path).type.startsWith('image/')) return undefined;
  const figure = (label: string, at: string, size: number | undefined) =>
    html`<figure><a href="${links.to(path, { view: true, at })}"><img alt="${label}" src="${links.to(path, { at })}"></a><figcaption>${label}${size !== undefined && html` · ${sizeText(size)}`}</figcaption></figure>`;
  const isPair = old !== undefined && now !== undefined;
  return html`<div class="media${isPair && ' two'}">${old && figure(isPair ? 'Before' : 'Removed', from, oldSize)}${now && figure(isPair ? 'After' : 'Added', to, newSize)}</div>`;
}

const NOTHING: DiffSide = { text: '' };

/** A file on one side; its text when it has one that can be compared. */
async function sideOf(
  { service }: View,
  entry: TreeEntry | undefined,
  path: string,
): Promise<{ size: number; diff?: DiffSide } | undefined> {
  if (entry === undefined || entry.mode === MODE_GITLINK) return undefined;
  const { blobs } = service;
  const facts = await blobs.facts(entry.id);
  const { size } = facts;
  const readable =
    size <= MOST_TEXT && (typeOfName(path).type === PLAIN_TEXT || (await blobs.text(facts)).isText);
  if (!readable) return { size };
  const { text } = decodeText(await blobs.body(entry.id));
  return { size, diff: { text, colours: () => coloursOf(entry, path, text) } };
}

/** Undefined also where a carriage return alone ends lines, which the comparison takes for a part of one. */
function coloursOf({ id }: TreeEntry, path: string, text: string): readonly string[] | undefined {
  const plain = text.toWellFormed().replaceAll('\r\n', '\n');
  return plain.includes('\r') ? undefined : colouredLines({ path, id }, plain);
}
