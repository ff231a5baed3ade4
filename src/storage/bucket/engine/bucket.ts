/**
 * The interface of an object storage: five verbs and their possible answers. Answers are values. Only
 * permanent failures are thrown (refused credentials, a missing bucket).
 *
 * Keys are letters, digits and `-._/`, relative to the prefix of the store; no segment is empty, `.`
 * or `..`, none is longer than 250 bytes, and no key is also the folder of another.
 */

/** The request had no effect and should be retried (409, 429, 503, a refused connection). */
export interface Busy {
  readonly kind: 'busy';
  /** A short reason for messages. */
  readonly reason: string;
}

/**
 * The request may have taken effect: a time-out, a connection that broke after sending, a 5xx. This is
 * not a failure: the caller has to read the key to find out.
 */
export interface Unknown {
  readonly kind: 'unknown';
  readonly reason: string;
}

/** The key does not exist. */
export interface Absent {
  readonly kind: 'absent';
}

/** The condition of the request does not hold. Nothing was written. */
export interface Conflict {
  readonly kind: 'conflict';
}

/** A whole body, or the requested range of it. */
export interface Got {
  readonly kind: 'ok';
  readonly body: Uint8Array;
  /** The entity tag without quotes; equal tags mean equal bytes. */
  readonly tag: string;
  /** Size of the whole object in bytes, even for a range. */
  readonly size: number;
}

/** The object still has the tag given as `ifNoneMatch`. */
export interface Unchanged {
  readonly kind: 'unchanged';
}

export interface Put {
  readonly kind: 'ok';
  readonly tag: string;
}

export interface Described {
  readonly kind: 'ok';
  readonly tag: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970 by the clock of the object storage. */
  readonly modified: number;
}

export interface Listed {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970 by the clock of the object storage. */
  readonly modified: number;
}

export interface Page {
  readonly kind: 'ok';
  /** Sorted by the bytes of the key. */
  readonly entries: readonly Listed[];
  /** Start of the next page; undefined after the last one. */
  readonly next?: string | undefined;
}

/** Bytes `start` up to and without `end`. */
export interface BucketRange {
  readonly start: number;
  readonly end: number;
}

export interface BucketOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends BucketOptions {
  /** Clamped at the end. A range that begins at or after the end yields an empty body. */
  readonly range?: BucketRange | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export interface PutOptions extends BucketOptions {
  /** Write only if the key does not exist. */
  readonly ifAbsent?: boolean | undefined;
  /** Write only if the object still has this tag. Not together with `ifAbsent`. */
  readonly ifMatch?: string | undefined;
  /** For a multipart upload: called after each part with the bytes uploaded so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** One request that was sent, for metering. */
export interface BucketRequest {
  readonly verb: 'get' | 'put' | 'remove' | 'list' | 'head';
  /** Key relative to the store's prefix; for `list` the requested prefix; empty for several keys. */
  readonly key: string;
  /** Bytes of bodies. */
  readonly sent: number;
  readonly received: number;
  /** HTTP status code; undefined without an answer. */
  readonly status?: number | undefined;
  readonly milliseconds: number;
}

/** A body in memory, or pieces of a known total size that can be read again. */
export type PutBody =
  | Uint8Array
  | { readonly size: number; readonly read: (start: number, end: number) => Promise<Uint8Array> };

export interface Bucket {
  /** The address without credentials, for messages. */
  readonly location: string;

  get(key: string, options?: GetOptions): Promise<Got | Unchanged | Absent | Busy | Unknown>;

  /**
   * Stores a whole object. A large body is uploaded in parts; it never has a condition, because objects that
   * are written once have new names. Returns `conflict` also for `ifMatch` on a missing key.
   */
  put(key: string, body: PutBody, options?: PutOptions): Promise<Put | Conflict | Busy | Unknown>;

  /** Removes any number of keys. A missing key counts as removed. */
  remove(
    keys: readonly string[],
    options?: BucketOptions,
  ): Promise<{ readonly kind: 'ok' } | Busy | Unknown>;

  /** One page of the keys that begin with `prefix`. @param from `next` of the page before */
  list(prefix: string, from?: string, options?: BucketOptions): Promise<Page | Busy | Unknown>;

  head(key: string, options?: BucketOptions): Promise<Described | Absent | Busy | Unknown>;

  /** Releases connections. */
  close(): Promise<void>;
}
