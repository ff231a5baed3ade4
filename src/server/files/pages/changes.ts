/** The page of what changed between two snapshots: the files, and the lines of text files. */
import { EMPTY_TREE_ID } from '../../../git/objectId.ts';
import { MODE_GITLINK, type TreeEntry } from '../../../git/tree.ts';
import { sizeText } from '../../../store/sizeText.ts';
import { firstLine, messageOf, type Snapshot, shortHash } from '../../../store/snapshot.ts';
import { diffTrees, type TreeDifference } from '../../../tree/diff.ts';
import { fileTypeOf } from '../../../tree/types.ts';
import { PLAIN_TEXT, typeOfName } from '../contentTypes.ts';
import { type Html, html, visible } from './html.ts';
import { button, placePage, timeOf, type View } from './layout.ts';
import { lineDiff } from './lineDiff.ts';
import type { Rendered } from './listing.ts';
import { decodeText } from './viewer.ts';

/** Files that are listed. */
const MOST_FILES = 2_000;
/** Files whose lines are shown on one page. */
const MOST_OPEN = 40;
/** Milliseconds for the line diffs of one page; what is left is a click away. */
const TIME_FOR_LINES = 1_000;

/** @param from undefined: from nothing, for a first snapshot */
export async function changesPage(
  view: View,
  from: Snapshot | undefined,
  to: Snapshot,
  gone: AbortSignal,
): Promise<Rendered> {
  const { service, place, links } = view;
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
  const count = tooMany
    ? `More than ${MOST_FILES} files`
    : `${found.length} ${found.length === 1 ? 'file' : 'files'}`;
  const swap = from && links.to(path, { diff: true, from: to.id, to: from.id });
  const body = html`<div class="snap"><span class="msg">${ending(view, from)} → ${ending(view, to)}</span><span class="by">${count}</span></div><div class="box"><p class="note">${
    found.length === 0 ? 'Nothing differs here.' : messageText(to)
  }</p></div>
<div class="bar">${button('Swap', swap, 'The other way round')}</div><h2>Changes</h2>
${opened}${listed.length > 0 && html`<div class="box"><ol class="log">${listed}</ol></div>`}`;
  return { page: placePage(view, 'diff', [], body), complete: true };
}

/** One side of the comparison, with the way to it. */
function ending({ links, place, isDirectory }: View, snapshot: Snapshot | undefined): Html {
  if (snapshot === undefined) return html`nothing`;
  const path = isDirectory && place.path !== '' ? `${place.path}/` : place.path;
  const url = links.to(path, { ...(isDirectory ? {} : { view: true }), at: snapshot.id });
  return html`<a class="mono" href="${url}">${shortHash(snapshot.id)}</a> <span class="dim">${timeOf(snapshot)}</span>`;
}

function messageText(snapshot: Snapshot): Html {
  const message = messageOf(snapshot.commit);
  const rest = message.slice(firstLine(message).length).trim();
  return html`${visible(firstLine(message)) || '(no message)'}${rest !== '' && html`<br>${visible(rest)}`}`;
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
  return html`<details class="file" open><summary>${mark(change)}${name} ${counts}<span class="dim">${before}${after}</span></summary>${content}</details>
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
    content: html`<div class="media">${old && picture(from)}${now && picture(to)}</div>`,
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
    size <= MOST_TEXT && (typeOfName(path).type === PLAIN_TEXT || (await blobs.isText(facts)));
  return readable ? { size, text: decodeText(await blobs.body(entry.id)) } : { size };
}
