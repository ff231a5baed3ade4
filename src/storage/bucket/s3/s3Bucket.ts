/**
 * The five verbs on an engine that speaks S3. Each verb sends one request, or those of an upload in parts,
 * and sorts the answer. It asks again by itself only where that cannot hide what has happened: for new
 * credentials, for parts, and once with a tag in the other form.
 */

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { RemoteError } from '../../../errors.ts';
import type {
  Absent,
  Bucket,
  BucketOptions,
  BucketRequest,
  Busy,
  Conflict,
  Described,
  GetOptions,
  Got,
  Page,
  Put,
  PutBody,
  PutOptions,
  Unchanged,
  Unknown,
} from '../engine/bucket.ts';
import { Connection, type ConnectionLimits, type S3Answer, type S3Request } from './connection.ts';
import { isPlain, outcomeOf } from './outcome.ts';
import { uploadInParts } from './parts.ts';
import { faultOf, isExpired, refusal } from './refusal.ts';
import { routeTo } from './route.ts';
import type { S3Address } from './s3Address.ts';
import { type CredentialSource, credentialSource, settingsOf } from './settings.ts';
import { inForm, type TagForm, TagForms } from './tagForm.ts';
import { listOf, parseXml, textOf } from './xml.ts';

export interface S3Options extends ConnectionLimits {
  /** Is told of every request when it is over. */
  readonly onRequest?: ((request: BucketRequest) => void) | undefined;
  /** Bytes. A larger body goes up in parts of this size; default 16 MiB, 5 MiB is the least at AWS. */
  readonly partSize?: number | undefined;
  /** Entries of a page of `list` at most; default: what the engine gives, 1,000. */
  readonly pageSize?: number | undefined;
  /** Default: what `AWS_*` variables, profiles and roles give. */
  readonly credentials?: CredentialSource | undefined;
}

/** @throws GitStoreError (`EINVAL`) when a variable or the profile names no endpoint or region */
export async function openS3Bucket(address: S3Address, options: S3Options = {}): Promise<S3Bucket> {
  const settings = await settingsOf(address);
  const route = await routeTo(settings.origin);
  const credentials = options.credentials ?? credentialSource();
  const connection = new Connection(address.text, settings, route, credentials, options);
  return new S3Bucket(address, connection, options);
}

/** Bytes. Some engines answer a PUT that must fail before they have the body, and close: look first. */
const LOOK_FIRST = 1 << 20;
/** The most that one request may name (DeleteObjects). */
const MOST_REMOVED = 1000;

export class S3Bucket implements Bucket {
  readonly location: string;
  readonly #address: S3Address;
  readonly #connection: Connection;
  readonly #partSize: number;
  readonly #pageSize: number | undefined;
  readonly #tagForms = new TagForms();

  constructor(
    address: S3Address,
    connection: Connection,
    { partSize, pageSize }: Pick<S3Options, 'partSize' | 'pageSize'> = {},
  ) {
    this.location = address.text;
    this.#partSize = partSize ?? 16 << 20;
    this.#pageSize = pageSize;
    this.#address = address;
    this.#connection = connection;
  }

  /** The form of tags that the engine takes; undefined until it can be told. */
  get tagForm(): TagForm | undefined {
    return this.#tagForms.form;
  }

  async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Got | Unchanged | Absent | Busy | Unknown> {
    const { range, ifNoneMatch, signal } = options;
    if (range !== undefined && range.end <= range.start) {
      throw new RangeError(`bytes ${range.start} to ${range.end} are no range`);
    }
    const answer = await this.#send({
      verb: 'get',
      method: 'GET',
      key,
      signal,
      headers: {
        ...(range && { Range: `bytes=${range.start}-${range.end - 1}` }),
        ...(ifNoneMatch !== undefined && { 'If-None-Match': `"${ifNoneMatch}"` }),
      },
    });
    if (answer.kind !== 'answer') return answer;
    const { status, headers, body } = answer;
    if (status === 304) return { kind: 'unchanged' };
    if (status === 416) {
      // The answer names neither tag nor, with every engine, the size.
      const there = await this.head(key, { signal });
      return there.kind === 'ok' ? { ...there, body: new Uint8Array() } : there;
    }
    if (status !== 200 && status !== 206) return await this.#failed(answer, key, false);
    const tag = this.#knownTag(headers);
    if (status === 200 && range !== undefined) {
      // An engine may send all of it.
      return { kind: 'ok', body: body.subarray(range.start, range.end), tag, size: body.length };
    }
    if (status === 200) return { kind: 'ok', body, tag, size: body.length };
    const [, start, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
    if (size === undefined || Number(start) !== range?.start) {
      return { kind: 'unknown', reason: 'another range came than the one asked for' };
    }
    if (body.length !== Math.min(range.end, Number(size)) - range.start) {
      return { kind: 'unknown', reason: 'a part of the range came' };
    }
    return { kind: 'ok', body, tag, size: Number(size) };
  }

  async put(
    key: string,
    body: PutBody,
    options: PutOptions = {},
  ): Promise<Put | Conflict | Busy | Unknown> {
    const { ifAbsent = false, ifMatch, signal, onProgress } = options;
    const isConditional = ifAbsent || ifMatch !== undefined;
    const size = 'read' in body ? body.size : body.length;
    if (!isConditional && size > this.#partSize) {
      const upload = { key, body, size, partSize: this.#partSize, signal, onProgress };
      return uploadInParts(upload, (request) => this.#send(request), this.#told);
    }
    const bytes = 'read' in body ? await body.read(0, size) : body;
    if (!isConditional) return this.#putWhole(key, bytes, {}, signal);
    if (bytes.length >= LOOK_FIRST) {
      const there = await this.head(key, { signal });
      if (there.kind === 'busy' || there.kind === 'unknown') return { ...there, kind: 'busy' };
      const tag = there.kind === 'ok' ? there.tag : undefined;
      if (ifAbsent ? tag !== undefined : tag !== ifMatch) return { kind: 'conflict' };
    }
    if (ifMatch === undefined) return this.#putWhole(key, bytes, { 'If-None-Match': '*' }, signal);
    return this.#swap(key, bytes, ifMatch, signal);
  }

  async remove(
    keys: readonly string[],
    options: BucketOptions = {},
  ): Promise<{ readonly kind: 'ok' } | Busy | Unknown> {
    for (let at = 0; at < keys.length; at += MOST_REMOVED) {
      const some = keys.slice(at, at + MOST_REMOVED);
      const result = await (some.length === 1
        ? this.#removeOne(some[0]!, options.signal)
        : this.#removeMany(some, options.signal));
      if (result.kind !== 'ok') return result;
    }
    return { kind: 'ok' };
  }

  async list(
    prefix: string,
    from?: string,
    options: BucketOptions = {},
  ): Promise<Page | Busy | Unknown> {
    const root = this.#path('');
    const query = [
      from !== undefined && `continuation-token=${encode(from)}`,
      'encoding-type=url',
      'list-type=2',
      this.#pageSize !== undefined && `max-keys=${this.#pageSize}`,
      `prefix=${encode(root + prefix)}`,
    ];
    const answer = await this.#send({
      verb: 'list',
      method: 'GET',
      key: prefix,
      path: '',
      query: query.filter(Boolean).join('&'),
      signal: options.signal,
    });
    if (answer.kind !== 'answer') return answer;
    if (answer.status !== 200) return notAbsent(await this.#failed(answer, prefix, false));
    const document = await parseXml(answer.body);
    if (document?.root !== 'ListBucketResult') throw this.#noS3();
    const { content } = document;
    // Not every engine encodes the keys when it is asked to.
    const isEncoded = textOf(content, 'EncodingType') === 'url';
    const entries = listOf(content, 'Contents').map((element) => {
      const text = textOf(element, 'Key');
      const key = isEncoded ? decodeURIComponent(text.replaceAll('+', ' ')) : text;
      return {
        key: key.slice(root.length),
        size: Number(textOf(element, 'Size')),
        modified: Date.parse(textOf(element, 'LastModified')),
      };
    });
    const next = textOf(content, 'NextContinuationToken');
    if (textOf(content, 'IsTruncated') !== 'true') return { kind: 'ok', entries };
    if (next === '') throw this.#noS3();
    return { kind: 'ok', entries, next };
  }

  async head(
    key: string,
    options: BucketOptions = {},
  ): Promise<Described | Absent | Busy | Unknown> {
    const { signal } = options;
    const answer = await this.#send({ verb: 'head', method: 'HEAD', key, signal });
    if (answer.kind !== 'answer') return answer;
    if (answer.status !== 200) return await this.#failed(answer, key, false);
    const { headers } = answer;
    return {
      kind: 'ok',
      tag: this.#knownTag(headers),
      size: Number(headers['content-length']),
      modified: Date.parse(headers['last-modified'] ?? ''),
    };
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #putWhole(
    key: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Put | Conflict | Busy | Unknown> {
    const answer = await this.#send({ verb: 'put', method: 'PUT', key, body, headers, signal });
    return answer.kind === 'answer' ? this.#told(answer, key, headers) : answer;
  }

  /** What the answer to a PUT, or to the end of an upload in parts, says. */
  readonly #told = async (
    answer: S3Answer,
    key: string,
    condition: Readonly<Record<string, string>> = {},
  ): Promise<Put | Conflict | Busy | Unknown> => {
    if (answer.status === 200) return { kind: 'ok', tag: this.#knownTag(answer.headers) };
    if (answer.status === 412) return { kind: 'conflict' };
    const result = await this.#failed(answer, key, true);
    if (result.kind !== 'absent') return result;
    // The key that a tag was named for is not there.
    if (condition['If-Match'] !== undefined) return { kind: 'conflict' };
    return { kind: 'unknown', reason: 'status 404' };
  };

  /**
   * PUT with If-Match. The first conflict is looked at: where the object has the very tag, its form was
   * refused.
   */
  async #swap(
    key: string,
    body: Uint8Array,
    tag: string,
    signal: AbortSignal | undefined,
  ): Promise<Put | Conflict | Busy | Unknown> {
    const forms = this.#tagForms;
    const form = forms.form ?? 'quoted';
    const result = await this.#putWhole(key, body, { 'If-Match': inForm(tag, form) }, signal);
    if (result.kind === 'ok') forms.worked(form);
    if (result.kind !== 'conflict' || forms.isSure) return result;
    const there = await this.head(key, { signal });
    // Nothing was written, so the conflict may be reported.
    if (there.kind !== 'ok' || there.tag !== tag) return result;
    const other = form === 'quoted' ? 'bare' : 'quoted';
    const again = await this.#putWhole(key, body, { 'If-Match': inForm(tag, other) }, signal);
    if (again.kind === 'ok') forms.worked(other);
    return again;
  }

  async #removeOne(
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly kind: 'ok' } | Busy | Unknown> {
    const answer = await this.#send({ verb: 'remove', method: 'DELETE', key, signal });
    if (answer.kind !== 'answer') return answer;
    if (answer.status === 200 || answer.status === 204) return { kind: 'ok' };
    const result = await this.#failed(answer, key, true);
    return result.kind === 'absent' ? { kind: 'ok' } : result;
  }

  async #removeMany(
    keys: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly kind: 'ok' } | Busy | Unknown> {
    const objects = keys.map((key) => `<Object><Key>${this.#path(key)}</Key></Object>`).join('');
    const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`);
    const answer = await this.#send({
      verb: 'remove',
      method: 'POST',
      key: '',
      path: '',
      query: 'delete=',
      body,
      // The protocol asks for it.
      headers: { 'Content-MD5': createHash('md5').update(body).digest('base64') },
      signal,
    });
    if (answer.kind !== 'answer') return answer;
    if (answer.status !== 200) return notAbsent(await this.#failed(answer, '', true));
    const document = await parseXml(answer.body);
    if (document?.root !== 'DeleteResult') throw this.#noS3();
    for (const failure of listOf(document.content, 'Error')) {
      const code = textOf(failure, 'Code');
      if (code === 'NoSuchKey') continue;
      if (code === 'AccessDenied') {
        throw refusal({ ...answer, status: 403 }, { code, details: {} }, this.#refused(true));
      }
      return { kind: 'unknown', reason: 'not all keys were removed' };
    }
    return { kind: 'ok' };
  }

  /** An answer that is none of those that the verb is made for. @throws RemoteError where asking again is no use */
  async #failed(answer: S3Answer, key: string, writes: boolean): Promise<Absent | Busy | Unknown> {
    const { status } = answer;
    let failed = answer;
    let fault = await faultOf(answer);
    // An answer to HEAD has no words. What is refused is not absent: some engines say 404 to a wrong key.
    const isSilent = answer.body.length === 0;
    if (isSilent && status >= 300 && status < 500 && !isPlain(status)) {
      const explained = await this.#explain();
      if (explained !== undefined) {
        failed = explained;
        fault = await faultOf(explained);
      }
    }
    const { code } = fault;
    if (status === 404 && (code === 'NoSuchKey' || (isSilent && failed === answer))) {
      return { kind: 'absent' };
    }
    const result = outcomeOf(status, code, writes);
    if (result === undefined) throw refusal(failed, fault, this.#refused(writes));
    const reason = `status ${status}${code === '' ? '' : ` (${code})`} for ${key}`;
    return { reason, ...result };
  }

  /** An answer with words in it, where one to HEAD had none. */
  async #explain(): Promise<S3Answer | undefined> {
    const query = `list-type=2&max-keys=1&prefix=${encode(this.#path(''))}`;
    const answer = await this.#send({ verb: 'list', method: 'GET', key: '', path: '', query });
    return answer.kind === 'answer' && answer.status >= 300 ? answer : undefined;
  }

  /** @throws RemoteError when the credentials cannot be had */
  async #send(
    request: Omit<S3Request, 'path'> & { readonly path?: string },
  ): Promise<S3Answer | Busy | Unknown> {
    const whole = { ...request, path: request.path ?? this.#path(request.key) };
    const answer = await this.#connection.send(whole);
    if (answer.kind !== 'answer') return answer;
    this.#tagForms.guess(answer.headers);
    if (answer.status !== 400 && answer.status !== 403) return answer;
    // Nothing was done: it is no repetition.
    return isExpired(await faultOf(answer)) ? this.#connection.send(whole, true) : answer;
  }

  #path(key: string): string {
    const { prefix } = this.#address;
    return prefix === '' ? key : `${prefix}/${key}`;
  }

  #knownTag(headers: IncomingHttpHeaders): string {
    const tag = tagOf(headers);
    if (tag === undefined) throw this.#noS3();
    return tag;
  }

  #refused(writes: boolean) {
    const { bucket } = this.#address;
    return { bucket, location: this.location, region: this.#connection.settings.region, writes };
  }

  #noS3(): RemoteError {
    const { origin } = this.#connection.settings;
    return new RemoteError(
      `${this.location}: what answers at ${origin.origin} is no S3; look at the endpoint`,
    );
  }
}

function tagOf(headers: IncomingHttpHeaders): string | undefined {
  return headers.etag?.replace(/^W\//, '').replaceAll('"', '');
}

/** For requests that are not about one key. */
function notAbsent(result: Absent | Busy | Unknown): Busy | Unknown {
  return result.kind === 'absent' ? { kind: 'unknown', reason: 'status 404' } : result;
}

/** As the signature wants it: RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
