/** What the answers of one handler share. */
import type { StoreContext } from '../../store/context.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { ByteCache } from '../../tree/byteCache.ts';
import type { Blobs } from './blobs.ts';
import type { Histories } from './snapshots.ts';

export interface Service {
  readonly store: GitStore;
  readonly context: StoreContext;
  readonly blobs: Blobs;
  readonly histories: Histories;
  /** Pages by their tag and URL. */
  readonly pages: ByteCache<Buffer>;
  /** `''`, or begins with a slash and does not end in one. */
  readonly basePath: string;
  readonly upstream: string | undefined;
  readonly cacheControl: string;
  /** In bytes. */
  readonly maxFileSize: number;
  readonly title: string;
  /** Whether every branch and tag is served, each below its name. */
  readonly all: boolean;
}
