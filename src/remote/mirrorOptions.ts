/** The options of a backup and of a restore. */
import type { BucketRequest } from '../storage/bucket/engine/bucket.ts';
import type { TransferOptions } from './remote.ts';
import type { RefSelection } from './selection.ts';

export interface MirrorOptions extends TransferOptions {
  /** Transfer only these refs, and delete none; default: every branch, tag and note. */
  readonly refs?: RefSelection | undefined;
  /** Change nothing; return what would change. */
  readonly dryRun?: boolean | undefined;
  /** `bundle`: the URL is the path of a bundle file, regardless of its name. */
  readonly format?: 'bundle' | undefined;
  /** For a bundle: write commits without their history. */
  readonly squash?: boolean | undefined;
  /** Version of the bundle format to write; default 2. */
  readonly bundleVersion?: 2 | 3 | undefined;
  /** For an `s3://` URL: called after every request. */
  readonly onRequest?: ((request: BucketRequest) => void) | undefined;
}
