/**
 * What a store needs of an object storage: five verbs, and what each may answer. Answers are values;
 * only what no repetition mends is thrown (refused credentials, a bucket that does not exist).
 *
 * Keys are letters, digits and `-._/`, relative to the prefix of the store; no segment is empty, `.`
 * or `..`, none is longer than 250 bytes, and no key is also the folder of another.
 */

/** Nothing happened: the other side asks to be asked again (409, 429, 503, a refused connection). */
export interface Busy {
  readonly kind: 'busy';
  /** In a few words, for a message. */
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

/** There is nothing under the key. */
export interface Absent {
  readonly kind: 'absent';
}

/** The condition of the request does not hold. Nothing was written. */
export interface Conflict {
  readonly kind: 'conflict';
}

/** A whole body, or the range of it that was asked for. */
export interface Got {
  readonly kind: 'ok';
  readonly body: Uint8Array;
  /** The entity tag without quotes; equal tags mean equal bytes. */
  readonly tag: string;
  /** Size of the whole object in bytes, also where a range was asked for. */
  readonly size: number;
}

/** The object still has the tag that was given as `ifNoneMatch`. */
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
  /** Where the next page begins; undefined after the last one. */
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
  /** Past the end it is cut; a range that begins at or after the end is `absent` of bytes: an empty body. */
  readonly range?: BucketRange | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export interface PutOptions extends BucketOptions {
  /** Writes only where the key does not exist. */
  readonly ifAbsent?: boolean | undefined;
  /** Writes only where the object still has this tag. Not together with `ifAbsent`. */
  readonly ifMatch?: string | undefined;
  /** For a body that goes up in parts: after each one, how many bytes are there. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** One request that was sent, for metering. */
export interface BucketRequest {
  readonly verb: 'get' | 'put' | 'remove' | 'list' | 'head';
  /** Relative to the prefix of the store; for `list` what the keys begin with, empty for many keys. */
  readonly key: string;
  /** Bytes of bodies. */
  readonly sent: number;
  readonly received: number;
  /** Status code of HTTP; undefined where no answer came. */
  readonly status?: number | undefined;
  readonly milliseconds: number;
}

/** A body in memory, or of a known size in pieces that can be asked for again. */
export type PutBody =
  | Uint8Array
  | { readonly size: number; readonly read: (start: number, end: number) => Promise<Uint8Array> };

export interface Bucket {
  /** The address without credentials, for messages. */
  readonly location: string;

  get(key: string, options?: GetOptions): Promise<Got | Unchanged | Absent | Busy | Unknown>;

  /**
   * Stores a whole object. A large body without a condition goes up in parts. A condition on a large
   * body is never given: the objects that are written once have names that are new.
   * `conflict` also where `ifMatch` was given and the key does not exist.
   */
  put(key: string, body: PutBody, options?: PutOptions): Promise<Put | Conflict | Busy | Unknown>;

  /** Removes keys; one that does not exist is removed already. Any number of keys. */
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
