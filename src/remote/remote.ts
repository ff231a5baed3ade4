/**
 * The other side of a backup or a restore. A *remote* has refs and objects: another repository on disk,
 * one behind Git's wire protocol, or a bundle file.
 */

import type { ObjectId } from '../git/objectId.ts';
import type { Identity } from '../git/objects/commit.ts';
import type { RefEntry, Storage, UnreadableRef } from '../storage/storage.ts';
import type { MirrorDiff } from './mirrorDiff.ts';

export interface RemoteRefs {
  readonly refs: readonly RefEntry[];
  /** Unreadable refs, if known. */
  readonly unreadable?: readonly UnreadableRef[] | undefined;
  /** Full name of the branch that HEAD names, if known. */
  readonly head?: string | undefined;
}

/** Progress of a transfer. */
export interface MirrorProgress {
  readonly phase: 'counting' | 'sending' | 'receiving';
  readonly objects: number;
  readonly totalObjects?: number | undefined;
  /** Bytes of the pack so far. */
  readonly bytes: number;
}

/** A request for credentials. */
export interface AuthRequest {
  /** The requested address, without user, password and query. */
  readonly url: string;
  /** The user name from the URL. */
  readonly username?: string | undefined;
  /** Whether other credentials were refused before: those in the URL, or earlier ones from `onAuth`. */
  readonly refused: boolean;
}

/** Returns a user and a password, or a token as the password; undefined for none. */
export type OnAuth = (
  request: AuthRequest,
) =>
  | { readonly username?: string | undefined; readonly password: string }
  | undefined
  | Promise<{ readonly username?: string | undefined; readonly password: string } | undefined>;

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
  /** Called with human-readable messages of the other side: lines, or parts of them. */
  readonly onMessage?: ((text: string) => void) | undefined;
  /**
   * Called when a server over http(s) requires credentials, at most twice, before Git's credential helpers.
   * The result is not stored.
   */
  readonly onAuth?: OnAuth | undefined;
  /** Called with the path when a backup has created a repository at a path. */
  readonly onCreate?: ((path: string) => void) | undefined;
}

export interface PushRequest {
  /** The changes to make. */
  readonly diff: MirrorDiff;
  /** All refs after the push, by their names there. */
  readonly refs: ReadonlyMap<string, ObjectId>;
  /** The branch named by the store's HEAD. */
  readonly head: string | undefined;
  /** Identity for reflogs. */
  readonly who: Identity;
}

/** Refs that a remote did not move, with its reasons. */
export type RefusedRefs = ReadonlyMap<string, string>;

export interface Remote {
  /** Its name for messages, without passwords. */
  readonly name: string;

  /** Whether a push replaces all former content, as for a bundle file. */
  readonly replaces?: boolean;

  /**
   * Its refs whose names begin with one of `prefixes`.
   * @param purpose a missing remote counts as empty for a push, and is an error for a fetch
   */
  list(prefixes: readonly string[], purpose: 'fetch' | 'push'): Promise<RemoteRefs>;

  /**
   * Fetches everything reachable from `wants` into the store, completely and verified, or nothing.
   * @param haves values of the store's refs
   */
  fetch(
    store: Storage,
    wants: readonly ObjectId[],
    haves: readonly ObjectId[],
    options: TransferOptions,
  ): Promise<void>;

  /**
   * Sends missing objects and moves the refs. When it throws, some refs may have moved, each to a complete
   * state.
   * @returns deletions that the remote refused, and changes that collide with such a ref
   */
  push(store: Storage, request: PushRequest, options: TransferOptions): Promise<RefusedRefs>;

  close(): Promise<void>;
}
