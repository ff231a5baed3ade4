/** One history: writers, collectors, sweepers and readers over one bucket; and what must hold of it. */
import {
  LockTimeoutError,
  OutcomeUnknownError,
  SnapshotExpiredError,
  StaleSnapshotError,
  UnreachableError,
} from '../../../src/errors.ts';
import { hashObject, type ObjectId, type ObjectType } from '../../../src/git/objectId.ts';
import { parseReflogLine } from '../../../src/git/refs/reflogLine.ts';
import { BucketRefs } from '../../../src/storage/bucket/bucketRefs.ts';
import { firstHead } from '../../../src/storage/bucket/bucketStorage.ts';
import { PackGoneError } from '../../../src/storage/bucket/cache/shelf.ts';
import { Contents } from '../../../src/storage/bucket/commit/contents.ts';
import { linksOf, openRecent } from '../../../src/storage/bucket/commit/linksOf.ts';
import { Outbox } from '../../../src/storage/bucket/commit/outbox.ts';
import { deflateRecent } from '../../../src/storage/bucket/commit/riding.ts';
import { Engine } from '../../../src/storage/bucket/engine/engine.ts';
import { MemoryBucket } from '../../../src/storage/bucket/engine/memoryBucket.ts';
import { HEAD_KEY, HeadKeeper } from '../../../src/storage/bucket/head/headKeeper.ts';
import {
  formatHead,
  type Head,
  type LogEntry,
  listedKeys,
  parseHead,
  type RecentObject,
} from '../../../src/storage/bucket/head/headRecord.ts';
import { underLease } from '../../../src/storage/bucket/head/lease.ts';
import { LogReader } from '../../../src/storage/bucket/head/logReader.ts';
import type { Rules } from '../../../src/storage/bucket/head/rules.ts';
import { RULES } from '../../../src/storage/bucket/head/rules.ts';
import { collect, merge } from '../../../src/storage/bucket/upkeep/collect.ts';
import { sweep } from '../../../src/storage/bucket/upkeep/sweep.ts';
import type { GitObject } from '../../../src/storage/storage.ts';
import { leadsTo, MemoryShelf, parsePack } from './memoryShelf.ts';
import { Host, World } from './world.ts';

const BRANCHES = ['refs/heads/a', 'refs/heads/b', 'refs/heads/c'];
const CONTENTS = ['one', 'two', 'three', 'four', 'five'];
const LIMITS = { recent: 1200, log: 900, refs: 150, chunk: 2000 };
const DEADLINE = 60_000;

/** What a writer knows of one of its updates. */
interface Attempt {
  readonly token: string;
  /** Whether it must change the ref, and so be in the log, where it is made. */
  readonly changes: boolean;
  outcome: 'made' | 'refused' | 'unknown';
}

export class History {
  readonly world: World;
  readonly #rules: Rules;
  readonly #bucket: MemoryBucket;
  readonly #attempts: Attempt[] = [];
  readonly #faults: string[] = [];
  /** Commits that were seen under refs, for those who go back. */
  readonly #seen: ObjectId[] = [];
  readonly #everRetired = new Set<string>();
  #head: Head | undefined;
  #tokens = 0;
  #running = 0;

  constructor(seed: number, rules: Rules = RULES) {
    this.world = new World(seed);
    this.#rules = rules;
    this.#bucket = new MemoryBucket({
      now: () => this.world.time,
      pageSize: 7,
      onChange: (key, body) => this.#changed(key, body),
    });
  }

  /** @returns what is wrong; nothing when all holds */
  async run(): Promise<string[]> {
    const { world } = this;
    const environment = new Host(world).environment;
    await this.#bucket.put(HEAD_KEY, formatHead(firstHead('store', BRANCHES[0]!, { environment })));
    const writers = 2 + Math.floor(world.random() * 7);
    const roles = [
      ...Array.from({ length: writers }, () => this.#writer),
      this.#collector,
      this.#sweeper,
      ...(world.chance(0.4) ? [this.#collector] : []),
      ...(world.chance(0.3) ? [this.#sweeper] : []),
      this.#reader,
    ];
    for (const role of roles) this.#start(role);
    const isOver = await world.run(() => this.#running === 0 || this.#faults.length > 0);
    if (!isOver) this.#faults.push('it does not end');
    if (this.#faults.length === 0) await this.#checkEnd();
    return this.#faults;
  }

  /** Runs a role on a machine that may be killed, and is started anew then. */
  #start(role: (machine: Machine) => Promise<void>, life = 0): void {
    const { world } = this;
    this.#running++;
    const host = new Host(world);
    const machine = new Machine(host, this.#bucket, this.#rules);
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      this.#running--;
    };
    if (life < 2 && world.chance(0.3)) {
      world.at(world.random() * 4000, undefined, () => {
        if (isOver) return;
        host.isDead = true;
        this.#start(role, life + 1);
        end();
      });
    } else if (world.chance(0.4)) {
      world.at(world.random() * 3000, undefined, () => {
        host.wakes = world.time + world.random() * (world.chance(0.5) ? 20_000 : 200_000);
      });
    }
    role.call(this, machine).then(end, (error: unknown) => {
      if (!isExpected(error)) this.#faults.push(`${role.name}: ${(error as Error).stack}`);
      end();
    });
  }

  async #writer(machine: Machine): Promise<void> {
    const { world } = this;
    for (let step = 0; step < 4; step++) {
      await world.wait(world.random() * 1500, machine.host);
      try {
        await this.#write(machine);
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    }
  }

  async #write(machine: Machine): Promise<void> {
    const { world } = this;
    const ref = world.pick(BRANCHES);
    const old = (await machine.refs.get(ref)) ?? null;
    const dice = world.random();
    if (old !== null && dice < 0.15) return this.#update(machine, ref, old, null);
    if (dice < 0.3 && this.#seen.length > 0) {
      const id = world.pick(this.#seen);
      // As those above do, who take a snapshot before they set a branch to it.
      if (!(await machine.holds(id))) return;
      await world.wait(world.random() * 2000, machine.host);
      return this.#update(machine, ref, world.chance(0.3) ? undefined : old, id);
    }
    const session = machine.session();
    const blob = await session.write('blob', Buffer.from(world.pick(CONTENTS)));
    const other = await session.write('blob', Buffer.from(world.pick(CONTENTS)));
    const tree = await session.write('tree', treeOf([blob, other]));
    if (world.chance(0.4)) await world.wait(world.random() * 6000, machine.host);
    const parent = old === null ? '' : `parent ${old}\n`;
    // A commit that others may make too, at times.
    const token = world.chance(0.2) ? 'same' : world.newName();
    const who = `A <a@b> ${token === 'same' ? 1 : 2} +0000`;
    const text = `tree ${tree}\n${parent}author ${who}\ncommitter ${who}\n\n${token}\n`;
    const commit = await session.write('commit', Buffer.from(text));
    await session.finish(world.chance(0.5));
    if (world.chance(0.5)) await world.wait(world.random() * 9000, machine.host);
    await this.#update(machine, ref, world.chance(0.2) ? undefined : old, commit);
    this.#seen.push(commit);
  }

  async #update(
    machine: Machine,
    ref: string,
    old: ObjectId | null | undefined,
    next: ObjectId | null,
  ): Promise<void> {
    const token = `t${this.#tokens++}`;
    const changes = old !== undefined && old !== next;
    const attempt: Attempt = { token, changes, outcome: 'unknown' };
    this.#attempts.push(attempt);
    const who = { name: 'A', email: 'a@b', time: 1, offset: 0 };
    try {
      await machine.refs.update([{ ref, old, new: next, reflog: { who, message: token } }]);
      attempt.outcome = 'made';
    } catch (error) {
      const isRefused =
        error instanceof StaleSnapshotError ||
        error instanceof SnapshotExpiredError ||
        error instanceof UnreachableError ||
        error instanceof LockTimeoutError;
      if (isRefused) attempt.outcome = 'refused';
      if (!isExpected(error)) throw error;
    }
  }

  async #collector(machine: Machine): Promise<void> {
    const { world } = this;
    for (let round = 0; round < 2; round++) {
      await world.wait(world.random() * 4000, machine.host);
      try {
        const { collecting } = machine;
        const work = async () => {
          if (world.chance(0.3)) await merge(collecting, (packs) => packs.slice(0, 3), {});
          else await collect(collecting, Number.POSITIVE_INFINITY, {});
        };
        // Clocks that are wrong let two of them have the lease.
        if (world.chance(0.5)) await underLease(collecting, work);
        else await work();
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    }
  }

  async #sweeper(machine: Machine): Promise<void> {
    const { world } = this;
    for (let round = 0; round < 4; round++) {
      await world.wait(world.random() * 2500, machine.host);
      try {
        await sweep(machine.collecting, { interval: 0 });
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    }
  }

  /** Takes snapshots and reads them slowly. */
  async #reader(machine: Machine): Promise<void> {
    const { world } = this;
    for (let round = 0; round < 4; round++) {
      await world.wait(world.random() * 3000, machine.host);
      try {
        const start = await machine.refs.get(world.pick(BRANCHES));
        if (start === undefined) continue;
        const waiting = [start];
        for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
          const object = await machine.read(id);
          if (object === undefined) {
            if (this.#isReachable(start)) this.#faults.push(`a reader misses ${id} of ${start}`);
            break;
          }
          if (world.chance(0.3)) await world.wait(world.random() * 500, machine.host);
          waiting.push(...linksOf(object));
        }
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    }
  }

  /** Everything that happens in the bucket is looked at as it happens. */
  #changed(key: string, body: Buffer | undefined): void {
    if (body === undefined) {
      if (this.#head !== undefined && [...listedKeys(this.#head)].includes(key)) {
        this.#faults.push(`${key} is deleted while it is listed`);
      }
      return;
    }
    if (key !== HEAD_KEY) return;
    const { head, table } = parseHead(body);
    const before = this.#head;
    const keys = [...listedKeys({ ...head })];
    if (table !== undefined) keys.push(table);
    for (const listed of keys) {
      if (this.#bucket.peek(listed) === undefined)
        this.#faults.push(`${listed} is listed and gone`);
      if (this.#everRetired.has(listed)) this.#faults.push(`${listed} is adopted twice`);
    }
    for (const retired of head.retired) this.#everRetired.add(retired.key);
    this.#head = head;
    if (before === undefined) return;
    if (head.sequence !== before.sequence + 1) this.#faults.push('a head is passed over');
  }

  #logOf(head: Head): LogEntry[] {
    const older = head.chunks.flatMap(({ key }) => {
      const rows = JSON.parse(this.#bucket.peek(key)!.toString()) as [string, string, number?][];
      return rows.map(
        ([ref, text, flag]): LogEntry =>
          flag === undefined ? { ref, from: text } : { ref, line: text, isHead: flag === 1 },
      );
    });
    return [...older, ...head.log];
  }

  async #checkEnd(): Promise<void> {
    this.world.isCalm = true;
    const head = this.#head!;
    const refs = new Map<string, ObjectId>();
    const told = new Map<string, number>();
    for (const entry of this.#logOf(head)) {
      if (!('line' in entry)) continue;
      const { old, new: next, message } = parseReflogLine(entry.line)!;
      told.set(message, (told.get(message) ?? 0) + 1);
      if ((refs.get(entry.ref) ?? null) !== old)
        this.#faults.push(`${entry.ref} jumps at ${message}`);
      if (next === null) refs.delete(entry.ref);
      else refs.set(entry.ref, next);
    }
    for (const { token, changes, outcome } of this.#attempts) {
      const count = told.get(token) ?? 0;
      if (outcome === 'made' && changes && count === 0) this.#faults.push(`${token} is lost`);
      if (count > 1) this.#faults.push(`${token} was made ${count} times`);
      if (outcome === 'refused' && count > 0) this.#faults.push(`${token} was refused and made`);
    }
    const all = this.#objectsOf(head);
    const { machine } = this.#calm();
    let listing: Head | undefined;
    void machine.keeper.refresh().then((found) => {
      listing = found;
    });
    await this.world.run(() => listing !== undefined);
    if (listing === undefined) {
      this.#faults.push('the head cannot be read at the end');
      return;
    }
    for (const ref of BRANCHES) {
      const now = listing.refs.get(ref);
      if (now !== refs.get(ref)) this.#faults.push(`the log of ${ref} is not complete`);
    }
    let named: Set<ObjectId> | undefined;
    void machine.logs.values(listing).then((found) => {
      named = found;
    });
    await this.world.run(() => named !== undefined);
    const missing = missingFrom([...refs.values(), ...(named ?? [])], all);
    if (missing !== undefined) this.#faults.push(`${missing} is reachable and gone`);
    for (const object of all.values()) {
      for (const link of leadsTo(object)) {
        if (!all.has(link)) this.#faults.push(`${object.id} leads to ${link}, which is gone`);
      }
    }
  }

  #calm(): { machine: Machine } {
    return { machine: new Machine(new Host(this.world), this.#bucket, RULES) };
  }

  #isReachable(commit: ObjectId): boolean {
    const refs = new Map<string, ObjectId>();
    for (const entry of this.#logOf(this.#head!)) {
      if (!('line' in entry)) continue;
      const { new: next } = parseReflogLine(entry.line)!;
      if (next === null) refs.delete(entry.ref);
      else refs.set(entry.ref, next);
    }
    return [...refs.values()].includes(commit);
  }

  #objectsOf(head: Head): Map<ObjectId, RecentObject> {
    const all = new Map<ObjectId, RecentObject>();
    for (const object of head.recent) all.set(object.id, object);
    for (const { key } of head.packs) {
      for (const [id, object] of parsePack(this.#bucket.peek(key)!)) all.set(id, object);
    }
    return all;
  }
}

/** A process with the real code over its own network. */
class Machine {
  readonly host: Host;
  readonly keeper: HeadKeeper;
  readonly contents: Contents;
  readonly outbox: Outbox;
  readonly logs: LogReader;
  readonly refs: BucketRefs;
  readonly #engine: Engine;
  readonly #rules: Rules;

  constructor(host: Host, bucket: MemoryBucket, rules: Rules) {
    this.host = host;
    this.#rules = rules;
    this.#engine = new Engine(bucket.through(host.passage), host.environment, DEADLINE);
    this.keeper = new HeadKeeper(this.#engine, rules);
    this.contents = new Contents(this.keeper, new MemoryShelf(this.#engine));
    this.outbox = new Outbox(this.#engine, this.contents, rules, LIMITS);
    this.keeper.companion = this.outbox;
    this.logs = new LogReader(this.#engine, this.keeper);
    const now = () => 0;
    this.refs = new BucketRefs({ keeper: this.keeper, outbox: this.outbox, logs: this.logs, now });
  }

  get collecting() {
    const { keeper, contents, logs } = this;
    return { engine: this.#engine, keeper, contents, logs, rules: this.#rules };
  }

  async holds(id: ObjectId): Promise<boolean> {
    if (this.outbox.holds(id)) return true;
    for (let round = 0; round < 5; round++) {
      try {
        return await this.contents.has(await this.keeper.current(), id);
      } catch (error) {
        if (!(error instanceof PackGoneError)) throw error;
        await this.keeper.refresh();
      }
    }
    return false;
  }

  /** As the store reads: what is gone from one head is looked for in the next. */
  async read(id: ObjectId): Promise<GitObject | undefined> {
    let head = await this.keeper.current();
    for (let round = 0; round < 8; round++) {
      const recent = this.contents.recent(head, id);
      if (recent !== undefined) return openRecent(recent);
      for (const pack of head.packs) {
        try {
          const found = await this.contents.shelf.read(pack, id);
          if (found !== undefined) return found;
        } catch (error) {
          if (!(error instanceof PackGoneError)) throw error;
        }
      }
      const now = await this.keeper.refresh();
      if (now.sequence === head.sequence) return undefined;
      head = now;
    }
    return undefined;
  }

  session() {
    const generation = this.keeper.known!.generation;
    const objects = new Map<ObjectId, RecentObject>();
    return {
      write: async (type: ObjectType, body: Buffer): Promise<ObjectId> => {
        const id = hashObject(type, body);
        if (!(await this.holds(id))) objects.set(id, deflated(id, type, body));
        return id;
      },
      finish: async (isPack: boolean): Promise<void> => {
        const head = await this.keeper.current();
        const all = [...objects.values()];
        const staged = isPack && all.length > 0 ? await this.contents.shelf.stage(all) : undefined;
        await this.outbox.add(head, generation, isPack ? [] : all, staged);
      },
    };
  }
}

/** By id: the same whatever the history. */
const objectsSeen = new Map<ObjectId, RecentObject>();

function deflated(id: ObjectId, type: ObjectType, body: Buffer): RecentObject {
  const known = objectsSeen.get(id);
  if (known !== undefined) return known;
  if (objectsSeen.size > 10_000) objectsSeen.clear();
  const object = deflateRecent(id, { type, body });
  objectsSeen.set(id, object);
  return object;
}

function treeOf(blobs: readonly ObjectId[]): Buffer {
  const rows = blobs.map((id, i) =>
    Buffer.concat([Buffer.from(`100644 f${i}\0`), Buffer.from(id, 'hex')]),
  );
  return Buffer.concat(rows);
}

function missingFrom(
  from: ObjectId[],
  all: ReadonlyMap<ObjectId, RecentObject>,
): ObjectId | undefined {
  const seen = new Set<ObjectId>();
  const waiting = [...from];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const object = all.get(id);
    if (object === undefined) return id;
    waiting.push(...leadsTo(object));
  }
  return undefined;
}

/** What may come of bad weather and of others at work. */
function isExpected(error: unknown): boolean {
  return (
    error instanceof StaleSnapshotError ||
    error instanceof SnapshotExpiredError ||
    error instanceof OutcomeUnknownError ||
    error instanceof UnreachableError ||
    error instanceof LockTimeoutError ||
    error instanceof PackGoneError
  );
}
