/**
 * Files of a store over HTTP: what every URL answers. The answers themselves are made by the modules
 * beside this one: files and blobs in fileAnswers.ts, pages for people in pages/.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ByteCache } from '../byteCache.ts';
import { GitStoreError } from '../errors.ts';
import { isObjectId } from '../git/objectId.ts';
import { isTreeMode, MODE_GITLINK } from '../git/objects/tree.ts';
import { Semaphore } from '../semaphore.ts';
import { nameOfPlace } from '../storage/places.ts';
import type { FS } from '../store/fs.ts';
import type { GitStore } from '../store/gitStore.ts';
import { TreeReader } from '../tree/reader.ts';
import { logLine } from './files/accessLog.ts';
import { Blobs } from './files/blobs.ts';
import { COMPRESSED_AT_ONCE } from './files/compressStream.ts';
import { Exchange, type Fields } from './files/exchange.ts';
import { answerBlob, answerFile } from './files/fileAnswers.ts';
import { answerFolderZip } from './files/folderArchive.ts';
import { HttpError, toHttpError } from './files/httpError.ts';
import { wantsHtml, wantsJson } from './files/negotiation.ts';
import { ReadyAnswers } from './files/readyAnswers.ts';
import type { Service } from './files/service.ts';
import {
  Histories,
  olderSnapshot,
  type Place,
  placeInRefs,
  SharedSource,
  sourceOf,
} from './files/snapshots.ts';
import { encodeUrlPath, parseBasePath, parseTarget, type Target } from './files/target.ts';
import {
  answerDirectory,
  answerError,
  answerPage,
  answerRefs,
  answerSearch,
} from './pages/pageAnswers.ts';

/** What the client may keep, and for how long: `Cache-Control`. */
export type CachePolicy =
  /** Keep it, but ask each time whether it is still the same: the default. */
  | 'revalidate'
  /** Keep nothing. */
  | 'no-store'
  /** Never ask again. For URLs whose snapshot is fixed. */
  | 'immutable'
  /** Seconds after which a client is to ask again. */
  | { readonly maxAge: number };

export interface FileHandlerOptions {
  /**
   * What is served: the name of a branch or tag, a commit's hash, or a function that says which
   * snapshot. It is resolved for every request. Default: the current branch.
   */
  readonly snapshot?: string | (() => FS | Promise<FS>) | undefined;
  /** Serve every branch and tag, each below its name; `snapshot` is not looked at. */
  readonly all?: boolean | undefined;
  /** Path that every URL begins with, for example `/data`; default none. */
  readonly basePath?: string | undefined;
  /**
   * URL of another such server: a blob that is asked for by its hash and is not here is redirected
   * there.
   */
  readonly upstream?: string | undefined;
  /** Let pages of other origins read the answers. */
  readonly cors?: boolean | undefined;
  readonly cache?: CachePolicy | undefined;
  /** Bytes. Larger files are refused (413); default 250,000,000; 0: no limit. */
  readonly maxFileSize?: number | undefined;
  /** What the pages are headed by; default: the name of the store's folder. */
  readonly title?: string | undefined;
  /** Takes a line in the common log format for each answer. */
  readonly log?: ((line: string) => void) | undefined;
  /** Told of errors that are no fault of the client, which gets a 500 or a cut connection. */
  readonly onError?: ((error: unknown, request: IncomingMessage) => void) | undefined;
}

export const DEFAULT_MAX_FILE_SIZE = 250_000_000;

const METHODS = 'GET, HEAD, OPTIONS';
const BLOBS = '_/blobs/';
/** Memory for pages that may be asked for again. */
const PAGES_BYTES = 32 << 20;
/** A key is a tag and a URL, which Node cuts off at this length. */
const LONGEST_KEY = 16 << 10;

/** Answers a request. Never throws. */
export type FileHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A handler for Node's `http.createServer`, or for a framework that takes such functions. It only
 * reads; the store may be changed, packed and collected meanwhile. It stays usable until the store is
 * closed.
 * @throws InvalidPathError for a base path with `..`
 * @throws GitStoreError (`EINVAL`) for a limit, an age or an upstream that makes no sense
 */
export function createFileHandler(store: GitStore, options: FileHandlerOptions = {}): FileHandler {
  const { objects } = store.storage;
  const { cors = false, maxFileSize = DEFAULT_MAX_FILE_SIZE } = options;
  if (!(Number.isInteger(maxFileSize) && maxFileSize >= 0)) {
    throw new GitStoreError(`Not a size in bytes: ${maxFileSize}`, 'EINVAL');
  }
  const common = commonFields(cors);
  const basePath = parseBasePath(options.basePath ?? '');
  const service: Service = {
    store,
    trees: new TreeReader(objects),
    blobs: new Blobs(objects),
    histories: new Histories(),
    compressions: new Semaphore(COMPRESSED_AT_ONCE),
    pages: new ByteCache(PAGES_BYTES, (page) => page.length + LONGEST_KEY),
    basePath,
    baseUrl: encodeUrlPath(basePath),
    upstream: parseUpstream(options.upstream),
    cacheControl: cacheControl(options.cache ?? 'revalidate'),
    maxFileSize: maxFileSize === 0 ? Number.POSITIVE_INFINITY : maxFileSize,
    title: options.title ?? (nameOfPlace(store.path) || 'gitstore'),
    all: options.all === true,
  };
  const source = service.all ? undefined : new SharedSource(sourceOf(store, options.snapshot));
  const answers = new ReadyAnswers();
  const { log, onError } = options;

  const route = async (exchange: Exchange): Promise<void> => {
    const { request } = exchange;
    const served = source && (await source.ask());
    if (served !== undefined && answers.give(exchange, served)) return;
    const target = parseTarget(request.url ?? '/', service.basePath);
    const json = wantsJson(request.headers.accept);
    if (target.path.startsWith(BLOBS)) {
      const hash = target.path.slice(BLOBS.length).toLowerCase();
      if (isObjectId(hash)) return answerBlob(service, exchange, hash, json);
    }
    const tip = served && { snapshot: served, path: target.path, root: '' };
    const place = tip ?? (await placeInRefs(store, target.path));
    if (place !== undefined) return answerPlace(exchange, target, place, json);
    if (target.path === '') return answerRefs(service, exchange, target, json);
    throw new HttpError(404, `No branch or tag: ${target.path}`);
  };

  const answerPlace = async (
    exchange: Exchange,
    target: Target,
    tip: Place,
    json: boolean,
  ): Promise<void> => {
    const at = target.query.get('at');
    const place = at === null ? tip : await stepBack(tip, at);
    const { snapshot, path } = place;
    const kind = target.query.has('diff')
      ? 'diff'
      : target.query.has('history')
        ? 'history'
        : undefined;
    if (kind !== undefined && !json) return answerPage(service, exchange, kind, target, tip, place);
    const entry = await service.trees.lookup(snapshot.treeHash, path);
    if (entry === undefined) throw new HttpError(404, `Not found: ${path}`);
    if (isTreeMode(entry.mode) || entry.mode === MODE_GITLINK) {
      if (target.query.has('zip')) return answerFolderZip(service, exchange, place, entry);
      if (target.query.has('find')) {
        return json
          ? answerSearch(service, exchange, target, place, entry)
          : answerPage(service, exchange, 'find', target, tip, place);
      }
      return answerDirectory(service, exchange, target, tip, place, entry, json);
    }
    if (target.slash) throw new HttpError(404, `Not a directory: ${path}`);
    if (target.query.has('view') && !json) {
      return answerPage(service, exchange, 'view', target, tip, place);
    }
    if (!json && target.query.size === 0 && !service.all) answers.expect(exchange, snapshot);
    return answerFile(service, exchange, place, entry, json, target.query.has('download'));
  };

  /** The place in an older snapshot. @throws HttpError (404) for what is not in the history */
  const stepBack = async (tip: Place, at: string): Promise<Place> => ({
    ...tip,
    snapshot: await olderSnapshot(service, tip.snapshot, at),
  });

  const answer = async (exchange: Exchange): Promise<void> => {
    const { request, response } = exchange;
    try {
      const { method } = request;
      if (method === 'GET' || method === 'HEAD') await route(exchange);
      else if (method === 'OPTIONS') exchange.empty(204, optionsFields(request, cors));
      else refuseMethod(exchange);
    } catch (error) {
      const known = toHttpError(error);
      if (known.status >= 500) onError?.(error, request);
      if (response.headersSent) response.destroy();
      else await answerError(service, exchange, known, wantsHtml(request.headers.accept));
    }
  };

  return (request, response) => {
    const exchange = new Exchange(request, response, common);
    if (log !== undefined) response.on('close', () => log(logLine(exchange)));
    if (!cors && isForeignScript(request)) {
      exchange.text(403, 'Pages of other sites may not run this as a script (--cors)');
      return;
    }
    const known = source?.known;
    if (known !== undefined && answers.give(exchange, known)) return;
    // A client that resets the connection is no error of ours.
    response.on('error', () => {});
    answer(exchange).catch((error) => {
      response.destroy();
      onError?.(error, request);
    });
  };
}

/**
 * Whether a page of another site wants to run the file as a script: in that way it could read what
 * stands in it, which it is not to do without CORS. Browsers tell it (Fetch Metadata).
 */
function isForeignScript({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-dest'] === 'script' && headers['sec-fetch-site'] === 'cross-site';
}

function commonFields(cors: boolean): Fields {
  const fields = ['X-Content-Type-Options', 'nosniff'];
  if (cors) {
    fields.push('Access-Control-Allow-Origin', '*');
    fields.push('Access-Control-Expose-Headers', 'Accept-Ranges, Content-Range, ETag');
  }
  return fields;
}

function optionsFields(request: IncomingMessage, cors: boolean): Fields {
  if (!cors) return ['Allow', METHODS];
  const asked = request.headers['access-control-request-headers'];
  const safe = asked !== undefined && /^[\w!#$%&'*+.^`|~, -]{1,1024}$/.test(asked);
  return [
    'Allow',
    METHODS,
    'Access-Control-Allow-Methods',
    METHODS,
    'Access-Control-Allow-Headers',
    safe ? asked : 'Accept, If-Match, If-None-Match, If-Range, Range',
    'Access-Control-Max-Age',
    '86400',
    'Vary',
    'Access-Control-Request-Headers',
  ];
}

function refuseMethod(exchange: Exchange): void {
  // The body is not read: the connection ends with the answer.
  exchange.text(405, 'Only GET, HEAD and OPTIONS', ['Allow', METHODS, 'Connection', 'close']);
}

function cacheControl(policy: CachePolicy): string {
  if (policy === 'revalidate') return 'no-cache';
  if (policy === 'no-store') return 'no-store';
  if (policy === 'immutable') return 'public, immutable, max-age=31536000';
  const { maxAge } = policy;
  if (!(Number.isSafeInteger(maxAge) && maxAge >= 0)) {
    throw new GitStoreError(`Not a number of seconds: ${maxAge}`, 'EINVAL');
  }
  return `max-age=${maxAge}`;
}

function parseUpstream(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new GitStoreError(`Not an http or https URL: ${text}`, 'EINVAL');
  }
  return url.href.replace(/\/+$/, '');
}
