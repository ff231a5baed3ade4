/**
 * What happens in a store, for those who subscribe to a channel of `node:diagnostics_channel`. Where none
 * does, a message is not even made.
 */
import { channel, hasSubscribers } from 'node:diagnostics_channel';

/** `gitstore:commit`: a branch stands at another commit, by a write, a merge, an undo. */
export interface CommitMessage {
  /** Where the store is, as `GitStore.path`. */
  readonly store: string;
  readonly branch: string;
  readonly commitHash: string;
  /** Where the branch was before. */
  readonly oldHash: string;
  /** The line of the reflog, as `commit: + a.txt`. */
  readonly reason: string;
}

/** `gitstore:copy`: a copy has ended well; a dry run is none. */
export interface CopyMessage {
  readonly store: string;
  /** From disk, to disk, from another snapshot. */
  readonly direction: 'in' | 'out' | 'across';
  readonly add: number;
  readonly update: number;
  readonly delete: number;
  readonly errors: number;
  readonly milliseconds: number;
}

/** `gitstore:gc`: a collection, or a packing, has ended well. */
export interface GcMessage {
  readonly store: string;
  readonly kind: 'gc' | 'pack';
  /** Objects and bytes in the store before and after. */
  readonly before: { readonly objects: number; readonly bytes: number };
  readonly after: { readonly objects: number; readonly bytes: number };
  readonly milliseconds: number;
}

/** `gitstore:request`: a request to object storage is over. As `onRequest` is told, and where it went. */
export interface RequestMessage {
  readonly store: string;
  readonly verb: string;
  readonly key: string;
  readonly sent: number;
  readonly received: number;
  readonly status?: number | undefined;
  readonly milliseconds: number;
}

/** The messages by the names of their channels. */
export interface Channels {
  'gitstore:commit': CommitMessage;
  'gitstore:copy': CopyMessage;
  'gitstore:gc': GcMessage;
  'gitstore:request': RequestMessage;
}

export function tell<Name extends keyof Channels>(name: Name, message: () => Channels[Name]): void {
  if (hasSubscribers(name)) channel(name).publish(message());
}
