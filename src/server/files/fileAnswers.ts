/** Files and blobs: their bytes as they are, or facts about them. */
import type { ObjectId } from '../../git/objectId.ts';
import { MODE_LINK, type TreeEntry } from '../../git/objects/tree.ts';
import { baseName } from '../../tree/paths.ts';
import { type BlobFacts, LEAST_TO_COMPRESS, SMALL_BLOB } from './blobs.ts';
import { compressStream } from './compressStream.ts';
import { namesTag, parseRange, rangeApplies, type Slice } from './conditions.ts';
import {
  BINARY,
  isActive,
  isCompressible,
  JSON_TYPE,
  PLAIN_TEXT,
  saysUtf8,
  typeOfName,
  withoutCharset,
} from './contentTypes.ts';
import type { Exchange, Fields } from './exchange.ts';
import { HttpError } from './httpError.ts';
import { type Coding, chooseCoding } from './negotiation.ts';
import type { Service } from './service.ts';
import type { Place } from './snapshots.ts';

/**
 * For what browsers may find code in: it runs nothing, sends nothing, and belongs to no origin. Its
 * pictures and styles may come from the same server.
 */
const SANDBOX =
  "sandbox; default-src 'self' data: 'unsafe-inline'; script-src 'none'; connect-src 'none'; object-src 'none'; frame-src 'none'; form-action 'none'; base-uri 'none'";

/** A file of a snapshot. */
export async function answerFile(
  service: Service,
  exchange: Exchange,
  { snapshot, path }: Place,
  entry: TreeEntry,
  json: boolean,
  download: boolean,
): Promise<void> {
  const { id } = entry;
  if (json) {
    await answerFacts(service, exchange, id, (size) => ({
      path,
      ref: snapshot.refName ?? snapshot.commitHash,
      size,
      hash: id,
      type: 'file',
    }));
    return;
  }
  const tag = `"${id}"`;
  if (settleConditions(service, exchange, tag, 'Accept')) return;
  const facts = await service.blobs.facts(id);
  checkSize(service, facts);
  // A link is served as the text that it is: nothing leads out of the snapshot.
  const named = entry.mode === MODE_LINK ? { type: PLAIN_TEXT, unsure: false } : typeOfName(path);
  const isPlain = named.unsure && (await service.blobs.text(facts)).isText;
  let type = isPlain ? PLAIN_TEXT : named.type;
  if (saysUtf8(type) && !(await service.blobs.isUtf8(facts))) type = withoutCharset(type);
  const fields = ['Content-Type', type];
  if (isActive(type)) fields.push('Content-Security-Policy', SANDBOX);
  if (download) fields.push('Content-Disposition', attachment(baseName(path)));
  await answerBytes(service, exchange, facts, tag, fields, isCompressible(type), 'Accept');
}

/** A blob by its hash, which has no name and so no type. */
export async function answerBlob(
  service: Service,
  exchange: Exchange,
  id: ObjectId,
  json: boolean,
): Promise<void> {
  const facts = await service.blobs.find(id);
  if (facts === undefined) {
    if (service.upstream === undefined) throw new HttpError(404, `No blob ${id}`);
    const location = `${service.upstream}/_/blobs/${id}`;
    exchange.empty(302, ['Location', location, 'Cache-Control', 'no-cache', 'Content-Length', '0']);
    return;
  }
  if (json) {
    return answerFacts(service, exchange, id, (size) => ({ hash: id, size, type: 'blob' }));
  }
  const tag = `"${id}"`;
  if (settleConditions(service, exchange, tag, 'Accept')) return;
  checkSize(service, facts);
  await answerBytes(service, exchange, facts, tag, ['Content-Type', BINARY], false, 'Accept');
}

async function answerFacts(
  service: Service,
  exchange: Exchange,
  id: ObjectId,
  describe: (size: number) => unknown,
): Promise<void> {
  // Another representation, another tag: a cache must not take one for the other.
  const tag = `"${id}-json"`;
  if (settleConditions(service, exchange, tag, 'Accept')) return;
  const { size } = await service.blobs.facts(id);
  const fields = ['Content-Type', JSON_TYPE, ...validators(service, tag, 'Accept')];
  exchange.whole(200, fields, Buffer.from(`${JSON.stringify(describe(size))}\n`));
}

/**
 * Answers what the conditions of the request settle without the content.
 * @param tag strong
 * @returns whether there is nothing more to do
 */
export function settleConditions(
  service: Service,
  exchange: Exchange,
  tag: string,
  vary: string,
): boolean {
  const { headers } = exchange.request;
  const match = headers['if-match'];
  if (match !== undefined && !namesTag(match, tag, false)) {
    throw new HttpError(412, 'The content is another by now');
  }
  const noneMatch = headers['if-none-match'];
  if (noneMatch === undefined || !namesTag(noneMatch, tag, true)) return false;
  exchange.empty(304, validators(service, tag, vary));
  return true;
}

/** @param tag as it is to be sent */
export function validators(service: Service, tag: string, vary: string): Fields {
  return ['ETag', tag, 'Cache-Control', service.cacheControl, 'Vary', vary];
}

async function answerBytes(
  service: Service,
  exchange: Exchange,
  facts: BlobFacts,
  tag: string,
  typeFields: Fields,
  shrinks: boolean,
  variesBy: string,
): Promise<void> {
  const { blobs } = service;
  const { headers, method } = exchange.request;
  const { id, size } = facts;
  const compressible = shrinks && size >= LEAST_TO_COMPRESS;
  const vary = compressible ? `${variesBy}, Accept-Encoding` : variesBy;
  const fields = [...typeFields, 'Accept-Ranges', 'bytes', ...validators(service, tag, vary)];

  let slice: Slice | undefined;
  if (
    method === 'GET' &&
    headers.range !== undefined &&
    rangeApplies(headers['if-range']?.toString(), tag)
  ) {
    const range = parseRange(headers.range, size);
    if (range === 'unsatisfiable') {
      throw new HttpError(416, 'The range begins behind the end', [
        'Content-Range',
        `bytes */${size}`,
      ]);
    }
    slice = range;
  }
  if (slice !== undefined) {
    fields.push('Content-Range', `bytes ${slice.start}-${slice.end - 1}/${size}`);
    if (size <= SMALL_BLOB) {
      exchange.whole(206, fields, (await blobs.body(id)).subarray(slice.start, slice.end));
    } else {
      await exchange.stream(206, fields, slice.end - slice.start, () => blobs.stream(id, slice));
    }
    return;
  }

  if (compressible) {
    const coding = chooseCoding(
      headers['accept-encoding']?.toString(),
      size <= SMALL_BLOB ? ['br', 'gzip'] : ['gzip', 'br'],
    );
    if (
      coding !== 'identity' &&
      (await answerCoded(service, exchange, facts, tag, typeFields, vary, coding))
    ) {
      return;
    }
  }
  if (size <= SMALL_BLOB) exchange.whole(200, fields, blobs.cached(id) ?? (await blobs.body(id)));
  else await exchange.stream(200, fields, size, () => blobs.stream(id));
}

/** Answers with a compressed body; false when that would not be shorter, or too many are under way. */
async function answerCoded(
  service: Service,
  exchange: Exchange,
  { id, size }: BlobFacts,
  tag: string,
  typeFields: Fields,
  vary: string,
  coding: Exclude<Coding, 'identity'>,
): Promise<boolean> {
  const { blobs, compressions } = service;
  // Not the same bytes as the plain body: the tag is a weak one (RFC 9110, 8.8.3.3).
  const fields = [
    ...typeFields,
    'Content-Encoding',
    coding,
    'Accept-Ranges',
    'bytes',
    ...validators(service, `W/${tag}`, vary),
  ];
  if (size > SMALL_BLOB) {
    if (!compressions.tryEnter()) return false;
    try {
      await exchange.stream(200, fields, undefined, async () =>
        compressStream(await blobs.stream(id), coding),
      );
    } finally {
      compressions.leave();
    }
    return true;
  }
  const body = await blobs.compressed(id, coding);
  if (body === undefined) return false;
  exchange.whole(200, fields, body);
  return true;
}

/** @throws HttpError (413) */
export function checkSize(service: Service, { size }: BlobFacts): void {
  if (size > service.maxFileSize) {
    throw new HttpError(413, `The file has ${size} bytes, the limit is ${service.maxFileSize}`);
  }
}

/** RFC 6266: a name for old clients, and the name itself. */
export function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  if (plain === name) return `attachment; filename="${name}"`;
  const encoded = encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
