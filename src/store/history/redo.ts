/**
 * Finds the target of redo. The reflog of a branch is its list of moves. Redo takes back the newest move
 * if `undo` made it; two steps take back the newest two, and so on. When the newest move is another one (a
 * commit, a push, a reset) there is nothing to redo: taking that back would be another undo.
 *
 * A redo is a move too. It is not taken back, which would go in circles, but skipped together with the
 * moves that it took back. So two redos in a row equal one of two steps, and an undo after them starts
 * a new sequence.
 *
 * Not every entry is a move: `git branch -m` writes one from a commit to itself, and a killed writer
 * leaves one for a move that never happened, with the same old value as the next entry.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { ReflogEntry } from '../../storage/storage.ts';

export interface RedoTarget {
  /** Undefined when there are fewer steps. */
  readonly target: ObjectId | undefined;
  /** Number of undos that can be taken back, up to the requested number. */
  readonly found: number;
}

/** The reflog message of a redo, which the next redo parses. */
export function redoMessage(steps: number, from: ObjectId): string {
  return `redo: ${steps} forward from ${shortHash(from)}`;
}

/** The reflog message of an undo. */
export function undoMessage(steps: number, from: ObjectId): string {
  return `undo: ${steps} back from ${shortHash(from)}`;
}

const UNDO = /^undo: /;
const REDO = /^redo: (\d+) forward from /;

/**
 * @param reflog newest first; read only as far as needed
 * @param at the branch's value; entries before the newest that arrived there do not count
 */
export async function redoTarget(
  reflog: AsyncIterable<ReflogEntry>,
  at: ObjectId,
  steps: number,
): Promise<RedoTarget> {
  const moves = new Moves(reflog);
  try {
    return await follow(moves, at, steps);
  } finally {
    await moves.close();
  }
}

async function follow(moves: Moves, at: ObjectId, steps: number): Promise<RedoTarget> {
  let newest = 0;
  for (let move = await moves.get(0); move !== undefined && move.new !== at; ) {
    newest += 1;
    move = await moves.get(newest);
  }
  let target: ObjectId | undefined;
  let next = await moves.toTakeBack(newest);
  for (let found = 0; found < steps; found++) {
    const move = await moves.get(next);
    if (move?.old == null || !UNDO.test(move.message)) return { target: undefined, found };
    target = move.old;
    next = await moves.toTakeBack(next + 1);
  }
  return { target, found: steps };
}

class Moves {
  readonly #rest: AsyncIterator<ReflogEntry>;
  /** Newest first. */
  readonly #read: ReflogEntry[] = [];
  readonly #known = new Map<number, number>();

  constructor(reflog: AsyncIterable<ReflogEntry>) {
    this.#rest = reflog[Symbol.asyncIterator]();
  }

  /** Stops reading. */
  async close(): Promise<void> {
    await this.#rest.return?.();
  }

  async get(index: number): Promise<ReflogEntry | undefined> {
    while (this.#read.length <= index) {
      const next = await this.#rest.next();
      if (next.done) return undefined;
      const { old, new: to } = next.value;
      if (old !== to && old !== this.#read.at(-1)?.old) this.#read.push(next.value);
    }
    return this.#read[index];
  }

  /** The move that redo takes back when `index` is the newest. */
  async toTakeBack(index: number): Promise<number> {
    // Moves behind a row of redos are resolved first, the oldest redo before the next.
    const row: number[] = [];
    let at = index;
    while (!this.#known.has(at) && (await this.#stepsOfRedo(at)) > 0) row.push(at++);
    for (;;) {
      const redo = row.pop();
      if (redo === undefined) return this.#known.get(index) ?? index;
      this.#known.set(redo, await this.#behind(redo));
    }
  }

  /** What remains to take back after a redo, when it is known for all older moves. */
  async #behind(redo: number): Promise<number> {
    const steps = await this.#stepsOfRedo(redo);
    let next = this.#known.get(redo + 1) ?? redo + 1;
    for (let step = 1; step <= steps; step++) {
      const move = await this.get(next);
      // The log was truncated or edited: then the redo counts as an ordinary move.
      if (move === undefined) return redo;
      if (step === steps && move.old !== (await this.get(redo))?.new) return redo;
      next = await this.toTakeBack(next + 1);
    }
    return next;
  }

  /** 0 for a move that is not a redo. */
  async #stepsOfRedo(index: number): Promise<number> {
    return Number(REDO.exec((await this.get(index))?.message ?? '')?.[1] ?? 0);
  }
}
