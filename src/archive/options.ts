/** What callers say about an archive. */
import type { ArchiveFormat } from './formats.ts';

/** How far an archive has come: files and bytes of their contents. */
export interface ArchiveProgress {
  readonly files: number;
  readonly bytes: number;
  /** Files in all, where that is known. */
  readonly totalFiles?: number;
}

/**
 * Where an archive goes: a stream, which is closed at the end and aborted when the archive fails, or a
 * local file, which appears only when it is whole.
 */
export type ArchiveSink = WritableStream<Uint8Array> | NodeSink | ArchiveFile;

/** A local file; the URL itself will do, too. */
export type ArchiveFile = { readonly file: string | URL } | URL;

/** A stream of Node's own kind (`stream.Writable`), in words that need no types of Node's. */
export interface NodeSink {
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** @internal An `ArchiveSink` whose file has a path. */
export type NamedSink = Exclude<ArchiveSink, ArchiveFile> | { readonly file: string };

/** @internal An `ArchiveSource` whose file has a path. */
export type NamedSource = Exclude<ArchiveSource, ArchiveFile> | { readonly file: string };

/** Where an archive comes from: bytes, a stream that is read once, or a local file. */
export type ArchiveSource =
  | Uint8Array
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>
  | ArchiveFile;

export interface ArchiveOutOptions {
  /** Default: what the file's name says. */
  readonly format?: ArchiveFormat | undefined;
  /** Called now and then. */
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined;
  /** Stops the archive; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ArchiveLimits {
  /**
   * Bytes that the archive may unpack to. Default: 16 GiB, and beyond that as long as it does not
   * unpack to more than 200 times its own size.
   */
  readonly maxSize?: number | undefined;
  /** Members that the archive may have; default 2,000,000. */
  readonly maxFiles?: number | undefined;
}

export interface ArchiveInOptions extends ArchiveLimits {
  /**
   * What the archive must be; any of the tars stands for all of them, their compression is recognised.
   * Default: what its first bytes say.
   */
  readonly format?: ArchiveFormat | undefined;
  /** Take symbolic links that are absolute or lead out of the archive; default: they are an error. */
  readonly outsideLinks?: boolean | undefined;
  /** Report what would change and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** Called now and then. */
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined;
  /** Stops the archive; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
