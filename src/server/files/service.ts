/** What the answers of one handler share. */

import type { ByteCache } from '../../byteCache.ts';
import type { Semaphore } from '../../semaphore.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { TreeReader } from '../../tree/reader.ts';
import type { Blobs } from './blobs.ts';
import type { Histories } from './snapshots.ts';

export interface Service {
  readonly store: GitStore;
  readonly trees: TreeReader;
  readonly blobs: Blobs;
  readonly histories: Histories;
  /** Answers that may be compressed at a time. */
  readonly compressions: Semaphore;
  /** Pages by their tag and URL. */
  readonly pages: ByteCache<Buffer>;
  /** What every path begins with: `''`, or with a slash before it and none behind. */
  readonly basePath: string;
  /** The same as it stands in a URL. */
  readonly baseUrl: string;
  readonly upstream: string | undefined;
  readonly cacheControl: string;
  /** In bytes. */
  readonly maxFileSize: number;
  readonly title: string;
  /** Whether every branch and tag is served, each below its name. */
  readonly all: boolean;
}
