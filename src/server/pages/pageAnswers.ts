/**
 * Directories, refs and errors, and the pages around files. Each is JSON for programs and a page for
 * people. The code of the pages is loaded when the first one is asked for.
 */
import { createHash } from 'node:crypto';
import { isTreeMode, type TreeEntry } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import type { FS } from '../../store/fs.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { compressPage, LEAST_TO_COMPRESS } from '../files/blobs.ts';
import { HTML, JSON_TYPE } from '../files/contentTypes.ts';
import type { Exchange } from '../files/exchange.ts';
import { settleConditions, validators } from '../files/fileAnswers.ts';
import { HttpError } from '../files/httpError.ts';
import { chooseCoding } from '../files/negotiation.ts';
import type { Service } from '../files/service.ts';
import { olderSnapshot, type Place, rootOfRef } from '../files/snapshots.ts';
import type { Target } from '../files/target.ts';
import type { Rendered } from './views/listing.ts';

const VARY = 'Accept, Accept-Encoding';

export async function answerDirectory(
  service: Service,
  exchange: Exchange,
  target: Target,
  tip: Place,
  place: Place,
  entry: TreeEntry,
  json: boolean,
): Promise<void> {
  const { snapshot, path } = place;
  if (json) {
    await sendJson(service, exchange, snapshot.commitHash, async () => {
      const entries = (await entriesOf(service, entry)).map(({ name, mode }) =>
        fileTypeOf(mode) === 'tree' ? `${name}/` : name,
      );
      return {
        path,
        ref: snapshot.refName ?? snapshot.commitHash,
        entries: entries.sort(comparePaths),
        type: 'directory',
      };
    });
    return;
  }
  // Seen from a newer snapshot an older one has other links on its page.
  const isTip = snapshot.commitHash === tip.snapshot.commitHash;
  const tag = isTip ? snapshot.commitHash : digest(tip.snapshot.commitHash, snapshot.commitHash);
  await sendPage(service, exchange, tag, async () => {
    const { listingPage } = await import('./views/listing.ts');
    const { viewOf } = await import('./frame/layout.ts');
    const entries = [...(await entriesOf(service, entry))].sort(directoriesFirst);
    const number = numberIn(target.query, 'page', 1);
    return listingPage(await viewOf(service, tip, place), entries, number);
  });
}

async function entriesOf({ trees }: Service, entry: TreeEntry): Promise<readonly TreeEntry[]> {
  // A submodule is a directory without entries: what it holds lies in another repository.
  return isTreeMode(entry.mode) ? (await trees.tree(entry.id)).entries : [];
}

function directoriesFirst(a: TreeEntry, b: TreeEntry): number {
  const order = Number(fileTypeOf(b.mode) === 'tree') - Number(fileTypeOf(a.mode) === 'tree');
  return order || comparePaths(a.name, b.name);
}

/** A page around a path: the file in it, its history, what changed in it, or what is found below it. */
export async function answerPage(
  service: Service,
  exchange: Exchange,
  kind: 'view' | 'history' | 'diff' | 'find',
  target: Target,
  tip: Place,
  place: Place,
): Promise<void> {
  const { query } = target;
  const gone = goneSignal(exchange);
  const older = async (name: string): Promise<FS | undefined> => {
    const hash = query.get(name) ?? '';
    return hash === '' ? undefined : olderSnapshot(service, tip.snapshot, hash, gone);
  };
  const from = await older('from');
  const to = (await older('to')) ?? place.snapshot;
  const entry = await service.trees.lookup(place.snapshot.treeHash, place.path);
  const tag = digest(
    kind,
    tip.snapshot.commitHash,
    place.snapshot.commitHash,
    place.path,
    query.toString(),
  );
  await sendPage(service, exchange, tag, async () => {
    const { viewOf } = await import('./frame/layout.ts');
    const view = await viewOf(service, tip, place);
    if (kind === 'history') {
      const { historyPage } = await import('./views/history.ts');
      return historyPage(view, from === undefined ? place : { ...place, snapshot: from }, gone);
    }
    if (kind === 'diff') {
      const { changesPage, lastChange } = await import('./views/changes.ts');
      const skip = numberIn(query, 'skip', 0);
      if (query.has('from')) return changesPage(view, { from, to, skip }, gone);
      const change = query.has('to') ? to : await lastChange(place, gone);
      const before = (await change.parent()) ?? undefined;
      return changesPage(view, { from: before, to: change, skip }, gone);
    }
    if (entry === undefined) throw new HttpError(404, `Not found: ${place.path}`);
    if (kind === 'find') {
      const { searchPage } = await import('./views/search.ts');
      return searchPage(view, entry, query.get('find') ?? '', gone);
    }
    const { viewerPage } = await import('./views/viewer.ts');
    const options = { source: query.has('source'), line: numberIn(query, 'line', 1) };
    return viewerPage(view, entry, options);
  });
}

/** Paths in one answer to a program, at most. */
const MOST_FOUND = 1_000;

/** What is found below a directory, for programs. */
export async function answerSearch(
  service: Service,
  exchange: Exchange,
  { query }: Target,
  { snapshot, path }: Place,
  entry: TreeEntry,
): Promise<void> {
  const find = query.get('find') ?? '';
  await sendJson(service, exchange, digest('find', snapshot.commitHash, path, find), async () => {
    const { searchPaths } = await import('./views/search.ts');
    const { trees } = service;
    const result = await searchPaths(trees, entry, find, MOST_FOUND, goneSignal(exchange));
    const { found, count, complete } = result;
    return {
      path,
      ref: snapshot.refName ?? snapshot.commitHash,
      find,
      entries: found.map((one) => (one.type === 'tree' ? `${one.path}/` : one.path)),
      count,
      complete,
      type: 'search',
    };
  });
}

/** The root where all are served. */
export async function answerRefs(
  service: Service,
  exchange: Exchange,
  { query }: Target,
  json: boolean,
): Promise<void> {
  const { store } = service;
  const [branches, tags] = await Promise.all([rowsOf('branch'), rowsOf('tag')]);
  const tag = digest(
    ...[...branches, ...tags].flatMap(({ root, snapshot }) => [root, snapshot.commitHash]),
  );
  if (json) {
    const names = (rows: typeof branches) => rows.map(({ name }) => name);
    await sendJson(service, exchange, tag, async () => ({
      branches: names(branches),
      tags: names(tags),
    }));
    return;
  }
  await sendPage(service, exchange, tag, async () => {
    const { refsPage } = await import('./views/refs.ts');
    const pages = { branches: numberIn(query, 'branches', 1), tags: numberIn(query, 'tags', 1) };
    return { page: refsPage(service, branches, tags, pages), complete: true };
  });

  async function rowsOf(kind: 'branch' | 'tag') {
    const rows = [];
    const refs = kind === 'branch' ? store.branches : store.tags;
    for await (const [name, fs] of refs.entries()) {
      const root = await rootOfRef(store, kind, name);
      rows.push({ name, snapshot: fs, root });
    }
    return rows;
  }
}

export async function answerError(
  service: Service,
  exchange: Exchange,
  error: HttpError,
  html: boolean,
): Promise<void> {
  const fields = ['Cache-Control', 'no-cache', ...error.fields];
  if (!html || exchange.request.method === 'OPTIONS') {
    exchange.text(error.status, error.message, fields);
    return;
  }
  const { errorPage } = await import('./views/error.ts');
  const { PAGE_POLICY } = await import('./frame/style.ts');
  const usual = error.status === 404 ? 'Not here' : `Error ${error.status}`;
  const title = error.title ?? usual;
  const page = errorPage(title, error.message, `${service.baseUrl}/`);
  const policy = ['Content-Type', HTML, 'Content-Security-Policy', PAGE_POLICY];
  exchange.whole(error.status, [...policy, ...fields], Buffer.from(page.text));
}

async function sendJson(
  service: Service,
  exchange: Exchange,
  id: string,
  describe: () => Promise<{ readonly complete?: boolean; readonly [field: string]: unknown }>,
): Promise<void> {
  const tag = `"${id}-json"`;
  if (settleConditions(service, exchange, tag, VARY)) return;
  const described = await describe();
  const body = Buffer.from(`${JSON.stringify(described)}\n`);
  const kept = described.complete === false ? undefined : tag;
  await sendMade(service, exchange, kept, ['Content-Type', JSON_TYPE], body);
}

async function sendPage(
  service: Service,
  exchange: Exchange,
  id: string,
  render: () => Promise<Rendered>,
): Promise<void> {
  const tag = `"${id}"`;
  if (settleConditions(service, exchange, tag, VARY)) return;
  // The same snapshot, asked in the same way, gives the same page.
  const key = `${id} ${exchange.request.url}`;
  let body = service.pages.get(key);
  let kept: string | undefined = tag;
  const { PAGE_POLICY } = await import('./frame/style.ts');
  if (body === undefined) {
    const { page, complete } = await render();
    body = Buffer.from(page.text);
    if (complete) service.pages.set(key, body);
    else kept = undefined;
  }
  const fields = ['Content-Type', HTML, 'Content-Security-Policy', PAGE_POLICY];
  await sendMade(service, exchange, kept, fields, body);
}

/**
 * Sends a body that was made for this answer, compressed when the client takes that.
 * @param tag undefined when another answer may be more complete: then nothing keeps this one
 */
async function sendMade(
  service: Service,
  exchange: Exchange,
  tag: string | undefined,
  typeFields: readonly string[],
  body: Buffer,
): Promise<void> {
  const coding = chooseCoding(exchange.request.headers['accept-encoding']?.toString(), [
    'gzip',
    'br',
  ]);
  if (coding === 'identity' || body.length < LEAST_TO_COMPRESS) {
    exchange.whole(200, [...typeFields, ...keeping(tag)], body);
    return;
  }
  const fields = [...typeFields, 'Content-Encoding', coding, ...keeping(tag && `W/${tag}`)];
  exchange.whole(200, fields, await compressPage(body, coding));

  function keeping(kept: string | undefined): readonly string[] {
    return kept === undefined
      ? ['Cache-Control', 'no-store', 'Vary', VARY]
      : validators(service, kept, VARY);
  }
}

/** A whole number in a query, the least one where there is none. */
function numberIn(query: URLSearchParams, name: string, least: number): number {
  const number = Number(query.get(name) ?? least);
  return Number.isSafeInteger(number) && number >= least ? number : least;
}

/** Aborted when the client leaves before it has its answer. */
function goneSignal({ response }: Exchange): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** A tag for what depends on more than one thing; as long as an object id. */
function digest(...parts: readonly string[]): string {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(`${part}\0`);
  return hash.digest('hex');
}
