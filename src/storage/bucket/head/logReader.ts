/**
 * Reads logs of refs backwards: the newest entries from `head`, older ones from the chunks that it lists. A
 * ref's log ends where the ref was deleted, or continues in the log of the ref that it was copied from.
 */
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { parseReflogLine } from '../../../git/refs/reflogLine.ts';
import type { Engine } from '../engine/engine.ts';
import type { HeadKeeper } from './headKeeper.ts';
import { type Head, type LogEntry, parseLog } from './headRecord.ts';

const ATTEMPTS = 5;

export class LogReader {
  readonly #engine: Engine;
  readonly #keeper: HeadKeeper;
  /** Chunks that were read lately. */
  readonly #chunks = new Map<string, readonly LogEntry[]>();

  constructor(engine: Engine, keeper: HeadKeeper) {
    this.#engine = engine;
    this.#keeper = keeper;
  }

  /** Lines of a ref's log, or of HEAD's, newest first. */
  async *linesOf(ref: string): AsyncGenerator<string> {
    const head = await this.#keeper.look();
    let name = ref;
    for await (const entry of this.#backwards(head)) {
      if (ref === 'HEAD') {
        if ('line' in entry && entry.isHead) yield entry.line;
        continue;
      }
      if (entry.ref !== name) continue;
      if ('from' in entry) {
        name = entry.from;
        continue;
      }
      if (isDeletion(entry.line)) return;
      yield entry.line;
    }
  }

  /** Every id that a log of a ref that exists, or HEAD's, names. */
  async values(head: Head): Promise<Set<ObjectId>> {
    const ids = new Set<ObjectId>();
    for (const lines of (await this.byRef(head)).values()) {
      for (const line of lines) {
        const parsed = parseReflogLine(line);
        if (parsed === undefined) continue;
        for (const id of [parsed.old, parsed.new]) if (id !== null) ids.add(id);
      }
    }
    return ids;
  }

  /** Lines of the logs of all refs that exist, and of HEAD's, newest first. */
  async byRef(head: Head): Promise<Map<string, string[]>> {
    const logs = new Map<string, string[]>();
    /** Refs by the name that they have at this point of the log. */
    const readers = new Map(head.refs.list('').map(({ ref }) => [ref, [ref]]));
    const add = (ref: string, line: string): void => {
      const lines = logs.get(ref);
      if (lines === undefined) logs.set(ref, [line]);
      else lines.push(line);
    };
    for await (const entry of this.#backwards(head)) {
      const refs = readers.get(entry.ref) ?? [];
      if ('from' in entry) {
        readers.delete(entry.ref);
        readers.set(entry.from, [...(readers.get(entry.from) ?? []), ...refs]);
        continue;
      }
      if (entry.isHead) add('HEAD', entry.line);
      if (isDeletion(entry.line)) readers.delete(entry.ref);
      else for (const ref of refs) add(ref, entry.line);
    }
    return logs;
  }

  /** Entries keep their places, counted from the oldest, while chunks are joined. */
  async *#backwards(start: Head): AsyncGenerator<LogEntry> {
    let head = start;
    let end = chunksLength(head) + head.log.length;
    for (let attempt = 0; end > 0; ) {
      const inHead = chunksLength(head);
      if (end > inHead) {
        yield* head.log.slice(0, end - inHead).toReversed();
        end = inHead;
        continue;
      }
      let first = 0;
      let i = 0;
      while (first + head.chunks[i]!.count < end) first += head.chunks[i++]!.count;
      const entries = await this.#chunk(head.chunks[i]!.key);
      if (entries !== undefined) {
        yield* entries.slice(0, end - first).toReversed();
        end = first;
        continue;
      }
      head = await this.#keeper.refresh();
      if (++attempt > ATTEMPTS) throw new CorruptObjectError('A part of the reflog is missing');
    }
  }

  async #chunk(key: string): Promise<readonly LogEntry[] | undefined> {
    const known = this.#chunks.get(key);
    if (known !== undefined) return known;
    const answer = await this.#engine.get(key);
    if (answer.kind !== 'ok') return undefined;
    const entries = parseLog(answer.body, key);
    if (this.#chunks.size >= 32) this.#chunks.clear();
    this.#chunks.set(key, entries);
    return entries;
  }
}

function chunksLength({ chunks }: Head): number {
  let sum = 0;
  for (const { count } of chunks) sum += count;
  return sum;
}

/** Whether the new value of the line is none. */
function isDeletion(line: string): boolean {
  return line.startsWith('0'.repeat(40), 41);
}
