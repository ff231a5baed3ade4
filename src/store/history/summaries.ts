/**
 * Histories as lists show them. What a list needs of a commit is in the commit-graph of a store that was
 * collected, so most commits are not read.
 */
import { inCircles } from '../../git/commitGraph/commitGraph.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { type CommitSummary, shortHash, summaryOf } from '../../git/objects/commitText.ts';
import { INSPECT } from '../../inspected.ts';
import type { CommitGraph } from '../../storage/shortcuts.ts';
import type { CommitReader } from '../context/commits.ts';
import type { StoreContext } from '../context/context.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { positionInGraph } from './history.ts';
import { HistoryQueue } from './historyQueue.ts';
import { type LogFilter, paceOf, signatureTest, walkLog } from './log.ts';
import { walkAll } from './logAll.ts';

/** A `SnapshotSummary` as JSON. */
export interface SummaryJson {
  readonly commitHash: ObjectId;
  readonly subject: string;
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly timezoneOffset: number;
  readonly authorName: string;
  readonly authorEmail: string;
}

/** One commit in a list: who made it and when, and the first line of its message. */
export class SnapshotSummary {
  readonly commitHash: ObjectId;
  readonly #summary: CommitSummary;

  /** @internal */
  constructor(id: ObjectId, summary: CommitSummary) {
    this.commitHash = id;
    this.#summary = summary;
  }

  /** The first line of the message that is not blank. */
  get subject(): string {
    return this.#summary.subject;
  }

  /** The time of the commit, to the second. */
  get time(): Date {
    return new Date(this.#summary.time * 1000);
  }

  /** The same in seconds since 1970. @internal */
  get seconds(): number {
    return this.#summary.time;
  }

  /** Time zone of `time` in minutes east of UTC. */
  get timezoneOffset(): number {
    return this.#summary.offset;
  }

  get authorName(): string {
    return this.#summary.authorName;
  }

  get authorEmail(): string {
    return this.#summary.authorEmail;
  }

  /** `SnapshotSummary(1a2b3c4)`. */
  toString(): string {
    return `SnapshotSummary(${shortHash(this.commitHash)})`;
  }

  toJSON(): SummaryJson {
    const { commitHash, subject, time, timezoneOffset, authorName, authorEmail } = this;
    return {
      ...{ commitHash, subject, time: time.toISOString() },
      ...{ timezoneOffset, authorName, authorEmail },
    };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }
}

/** Commits at the beginning of a list that are read: a short list costs less without the summaries. */
const RECENT = 32;
/** Summaries in a block, at most. The first blocks are smaller, as a caller may want only a few. */
const BLOCK = 256;

/** The commits of `walkLog`, in blocks. */
export function summariesOf(snapshot: Snapshot, filter: LogFilter): Blocks {
  snapshot.store.assertOpen();
  if (needsCommits(filter)) return oneByOne(walkLog(snapshot, filter, ofSnapshot));
  return inBlocks(new FirstParents(snapshot), filter);
}

/** The commits of `walkAll`, in blocks. */
export function allSummaries(
  store: StoreContext,
  tips: () => Promise<readonly ObjectId[]>,
  filter: LogFilter,
): Blocks {
  if (needsCommits(filter)) return oneByOne(walkAll(store, tips, filter, ofSnapshot));
  return inBlocks(new AllParents(store, tips), filter);
}

type Blocks = AsyncGenerator<readonly SnapshotSummary[], void, undefined>;

function needsCommits({ match, path }: LogFilter): boolean {
  return match !== undefined || path !== undefined;
}

function ofSnapshot({ id, commit }: Snapshot): SnapshotSummary {
  return new SnapshotSummary(id, summaryOf(commit));
}

async function* oneByOne(summaries: AsyncIterable<SnapshotSummary>): Blocks {
  for await (const summary of summaries) yield [summary];
}

interface Walk {
  /** The next commit; undefined at the end. */
  next(): SnapshotSummary | undefined | Promise<SnapshotSummary | undefined>;
}

async function* inBlocks(walk: Walk, filter: LogFilter): Blocks {
  const passes = signatureTest(filter);
  const pace = paceOf(filter.signal);
  let block: SnapshotSummary[] = [];
  for (let size = 1; ; ) {
    filter.signal?.throwIfAborted();
    if (pace.due()) await pace.pause();
    const next = walk.next();
    const found = next instanceof Promise ? await next : next;
    if (found === undefined) break;
    if (!passes(found.seconds, found.authorName, found.authorEmail)) continue;
    block.push(found);
    if (block.length < size) continue;
    yield block;
    block = [];
    size = Math.min(2 * size, BLOCK);
  }
  if (block.length > 0) yield block;
}

class FirstParents implements Walk {
  readonly #commits: CommitReader;
  readonly #graph: CommitGraph | undefined;
  /** The next commit; of one that was not read the id alone. Undefined at the end, and within the graph. */
  #next: { readonly id: ObjectId; readonly commit?: Commit } | undefined;
  /** Position of the next commit, within the graph. */
  #position: number | undefined;
  #count = 0;
  /** Upper bound for the number of commits still to come from the graph. */
  #left: number;

  constructor({ store, id, commit }: Snapshot) {
    this.#commits = store.commits;
    this.#graph = store.objects.history?.commitGraph();
    this.#left = this.#graph?.count ?? 0;
    this.#next = { id, commit };
  }

  next(): SnapshotSummary | undefined | Promise<SnapshotSummary> {
    const graph = this.#graph;
    if (graph !== undefined && this.#position !== undefined) {
      return this.#fromGraph(graph, this.#position);
    }
    const next = this.#next;
    if (next === undefined) return undefined;
    const commit = next.commit ?? this.#commits.tryGet(next.id);
    if (commit !== undefined) return this.#read(next.id, commit);
    return this.#commits.getUncached(next.id).then((read) => this.#read(next.id, read));
  }

  #read(id: ObjectId, commit: Commit): SnapshotSummary {
    const parent = commit.parents[0];
    this.#next = parent === undefined ? undefined : { id: parent };
    const graph = this.#graph;
    if (++this.#count >= RECENT && graph !== undefined) {
      const position = positionInGraph(graph, id, commit);
      if (position !== undefined && graph.summary(position) !== undefined) {
        this.#next = undefined;
        this.#position = graph.firstParent(position);
      }
    }
    return new SnapshotSummary(id, summaryOf(commit));
  }

  #fromGraph(graph: CommitGraph, position: number): SnapshotSummary | Promise<SnapshotSummary> {
    if (this.#left-- === 0) throw inCircles();
    this.#position = graph.firstParent(position);
    return foundAt(graph, position, graph.id(position), this.#commits);
  }
}

class AllParents implements Walk {
  readonly #store: StoreContext;
  readonly #graph: CommitGraph | undefined;
  readonly #tips: () => Promise<readonly ObjectId[]>;
  #queue: HistoryQueue | undefined;
  #count = 0;

  constructor(store: StoreContext, tips: () => Promise<readonly ObjectId[]>) {
    this.#store = store;
    this.#graph = store.objects.history?.commitGraph();
    this.#tips = tips;
  }

  next(): SnapshotSummary | undefined | Promise<SnapshotSummary | undefined> {
    if (this.#queue === undefined) return this.#begin().then(() => this.next());
    const next = this.#queue.next();
    return next instanceof Promise ? next.then((found) => this.#found(found)) : this.#found(next);
  }

  async #begin(): Promise<void> {
    const { commits } = this.#store;
    const queue = new HistoryQueue(this.#store);
    for (const id of await this.#tips()) queue.add(id, await commits.getUncached(id));
    this.#queue = queue;
  }

  #found(
    listed: Exclude<ReturnType<HistoryQueue['next']>, Promise<unknown>>,
  ): SnapshotSummary | undefined | Promise<SnapshotSummary> {
    if (listed === undefined) return undefined;
    const { id, commit, position } = listed;
    if (commit !== undefined) return new SnapshotSummary(id, summaryOf(commit));
    const isRecent = ++this.#count <= RECENT;
    return foundAt(isRecent ? undefined : this.#graph, position, id, this.#store.commits);
  }
}

/** By the graph's summary where there is one, else by the commit. */
function foundAt(
  graph: CommitGraph | undefined,
  position: number | undefined,
  id: ObjectId,
  commits: CommitReader,
): SnapshotSummary | Promise<SnapshotSummary> {
  const summary = position === undefined ? undefined : graph?.summary(position);
  if (summary !== undefined) return new SnapshotSummary(id, summary);
  const commit = commits.tryGet(id);
  if (commit !== undefined) return new SnapshotSummary(id, summaryOf(commit));
  return commits.getUncached(id).then((read) => new SnapshotSummary(id, summaryOf(read)));
}
