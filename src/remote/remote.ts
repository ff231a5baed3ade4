/**
 * The other side of a backup or a restore. A *remote* is a place with refs and objects: another
 * repository on the disk, one behind Git's wire protocol, a bundle file.
 */
import type { Identity } from '../git/commit.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { RefEntry, Storage, UnreadableRef } from '../storage/storage.ts';
import type { MirrorDiff } from './mirrorDiff.ts';

export interface RemoteRefs {
  readonly refs: readonly RefEntry[];
  /** What is there and cannot be read, where that is known. */
  readonly unreadable?: readonly UnreadableRef[] | undefined;
  /** The branch that HEAD names, a full name, where that is known. */
  readonly head?: string | undefined;
}

/** How far a transfer has come. */
export interface MirrorProgress {
  readonly phase: 'counting' | 'sending' | 'receiving';
  readonly objects: number;
  readonly totalObjects?: number | undefined;
  /** Of the pack, so far. */
  readonly bytes: number;
}

/** Who asks for credentials, and what for. */
export interface AuthRequest {
  /** The address that is asked for, without user, password and query. */
  readonly url: string;
  /** The user that the URL names. */
  readonly username?: string | undefined;
  /** Whether others have been tried and refused: those of the URL, or those that were given before. */
  readonly refused: boolean;
}

/** Gives a user and a password, or a token as the password; undefined where it knows none. */
export type OnAuth = (
  request: AuthRequest,
) =>
  | { readonly username?: string | undefined; readonly password: string }
  | undefined
  | Promise<{ readonly username?: string | undefined; readonly password: string } | undefined>;

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
  /** What the other side says, for a person to read: lines, or parts of them. */
  readonly onMessage?: ((text: string) => void) | undefined;
  /**
   * Is asked when a server behind http(s) wants credentials, at most twice, before Git's credential
   * helpers are. Nothing is kept.
   */
  readonly onAuth?: OnAuth | undefined;
  /** Called with the path when a backup to a path has made the repository there. */
  readonly onCreate?: ((path: string) => void) | undefined;
}

export interface PushRequest {
  /** What is to change. */
  readonly diff: MirrorDiff;
  /** All refs that are to be there, by the names they are to have. */
  readonly refs: ReadonlyMap<string, ObjectId>;
  /** The branch that HEAD of the store names. */
  readonly head: string | undefined;
  /** Who moves refs, for reflogs. */
  readonly who: Identity;
}

/** Refs that a remote did not move, with its reasons. */
export type RefusedRefs = ReadonlyMap<string, string>;

export interface Remote {
  /** What to call it in messages: without passwords. */
  readonly name: string;

  /** Whether a push leaves nothing of what was there before, as when a file is written anew. */
  readonly replaces?: boolean;

  /**
   * Its refs whose names begin with one of `prefixes`.
   * @param purpose what they are listed for: a remote that is missing has none to push to
   */
  list(prefixes: readonly string[], purpose: 'fetch' | 'push'): Promise<RemoteRefs>;

  /**
   * Brings all that `wants` lead to into the store, which then has it complete and checked, or
   * nothing of it.
   * @param haves where the store's refs point
   */
  fetch(
    store: Storage,
    wants: readonly ObjectId[],
    haves: readonly ObjectId[],
    options: TransferOptions,
  ): Promise<void>;

  /**
   * Sends what is missing and moves the refs. When it throws, some of them may have moved, each to a
   * state that is complete.
   * @returns deletions that the remote refused, and changes whose names need the place of such a ref
   */
  push(store: Storage, request: PushRequest, options: TransferOptions): Promise<RefusedRefs>;

  close(): Promise<void>;
}
