/**
 * A world that a seed drives: its time, its network, and processes that are killed and put to sleep between
 * any two steps. Everything that waits waits here; the next thing that happens is the one that is due first.
 */

import type { Environment } from '../../../src/storage/bucket/engine/environment.ts';
import type { Passage, Verb } from '../../../src/storage/bucket/engine/memoryBucket.ts';

export type Random = () => number;

/** Numbers of 0 or more and less than 1 (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Happening {
  readonly due: number;
  readonly order: number;
  /** Undefined: it happens in the network, whatever becomes of the process. */
  readonly owner: Host | undefined;
  readonly act: () => void;
}

/** How bad the network is. */
export interface Weather {
  readonly busy: number;
  readonly lost: number;
  readonly unanswered: number;
  readonly doubled: number;
  /** Share of requests and answers that take minutes. */
  readonly late: number;
}

export class World {
  readonly random: Random;
  readonly weather: Weather;
  time = 0;
  isCalm = false;
  /** How much has happened. */
  steps = 0;
  readonly #happenings: Happening[] = [];
  #order = 0;
  #names = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const storm = this.random() < 0.3;
    this.weather = {
      busy: storm ? 0.3 : 0.03,
      lost: this.random() * 0.1,
      unanswered: this.random() * 0.15,
      doubled: this.random() * 0.1,
      late: this.random() * 0.1,
    };
  }

  at(delay: number, owner: Host | undefined, act: () => void): void {
    const heap = this.#happenings;
    const added: Happening = { due: this.time + delay, order: this.#order++, owner, act };
    let place = heap.length;
    heap.push(added);
    for (; place > 0; place = (place - 1) >> 1) {
      const above = heap[(place - 1) >> 1]!;
      if (!isBefore(added, above)) break;
      heap[place] = above;
    }
    heap[place] = added;
  }

  wait(delay: number, owner: Host | undefined): Promise<void> {
    return new Promise((resolve) => this.at(delay, owner, resolve));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  newName(): string {
    return `${(this.#names++).toString(36)}${Math.floor(this.random() * 2 ** 40).toString(36)}`;
  }

  /** Lets things happen until `done`, or nothing is left. @returns whether it was done */
  async run(done: () => boolean, most = 20_000): Promise<boolean> {
    for (let steps = 0; steps < most; steps++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (done()) return true;
      this.steps++;
      const next = this.#next();
      if (next === undefined) return done();
      this.time = Math.max(this.time, next.due);
      if (next.owner?.isDead) continue;
      const asleep = next.owner?.wakes ?? 0;
      if (asleep > this.time) this.at(asleep - this.time, next.owner, next.act);
      else next.act();
    }
    return done();
  }

  /** The happenings are a heap: each is due before the two at twice its place. */
  #next(): Happening | undefined {
    const heap = this.#happenings;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

/** A machine, or a process on it. */
export class Host {
  isDead = false;
  /** Until when it sleeps. */
  wakes = 0;
  readonly #world: World;
  readonly #skew: number;

  constructor(world: World) {
    this.#world = world;
    this.#skew = Math.floor((world.random() - 0.5) * 1e7);
  }

  readonly passage = (_verb: Verb, _key: string): Passage => {
    const world = this.#world;
    const { busy, lost, unanswered, doubled, late } = world.weather;
    const delay = () => (world.chance(world.isCalm ? 0 : late) ? 200_000 : 30) * world.random();
    const arrival = world.wait(delay(), undefined);
    const answer = () => world.wait(delay(), this);
    const dice = world.isCalm ? 1 : world.random();
    if (dice < busy) return { fault: 'busy', arrival, answer };
    if (dice < busy + lost) return { fault: 'lost', arrival, answer };
    if (dice < busy + lost + unanswered) return { fault: 'unanswered', arrival, answer };
    if (dice < busy + lost + unanswered + doubled) {
      return {
        fault: 'doubled',
        arrival,
        answer,
        again: arrival.then(() => world.wait(delay() * 5, undefined)),
      };
    }
    return { arrival, answer };
  };

  readonly environment: Environment = {
    now: () => 1.7e12 + this.#world.time + this.#skew,
    elapsed: () => this.#world.time,
    random: () => this.#world.random(),
    name: () => this.#world.newName(),
    sleep: (milliseconds) => this.#world.wait(milliseconds, this),
    every: (milliseconds, act) => {
      let isOver = false;
      const next = () =>
        this.#world.at(milliseconds, this, () => {
          if (isOver) return;
          act();
          next();
        });
      next();
      return () => {
        isOver = true;
      };
    },
  };
}
