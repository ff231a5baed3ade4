/** A store in memory that behaves like one on disk, for tests and temporary data. */
import { checkRef } from '../refRules.ts';
import type { Storage } from '../storage.ts';
import { MemoryObjects } from './memoryObjects.ts';
import { MemoryRefs } from './memoryRefs.ts';
import { MemoryUpkeep } from './memoryUpkeep.ts';

export interface MemoryStorageOptions {
  /** The branch that HEAD names, a short name; default `main`. */
  readonly branch?: string | undefined;
  /** Milliseconds since the epoch, for reflog lines without an identity; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** @throws InvalidRefNameError */
export function createMemoryStorage(options: MemoryStorageOptions = {}): Storage {
  const head = `refs/heads/${options.branch ?? 'main'}`;
  checkRef(head);
  const objects = new MemoryObjects();
  const refs = new MemoryRefs(head, options.now ?? Date.now);
  const memos = new Map<string, Uint8Array>();
  return {
    location: 'memory:',
    identity: Symbol('memory'),
    objects,
    refs,
    memos: {
      read: (name) => memos.get(name),
      replace: (name, content) => void memos.set(name, content),
    },
    upkeep: new MemoryUpkeep(objects, refs),
    async close() {},
  };
}
