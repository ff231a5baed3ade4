/** The time line of a branch: how many snapshots were made when, each bar a way to them. */
import { largest } from '../../../lists.ts';
import type { FS } from '../../../store/fs.ts';
import { localTimeOf } from '../../files/snapshots.ts';
import { Html, html } from '../frame/html.ts';
import { refText, type View } from '../frame/layout.ts';

/** Milliseconds that may go into looking through the history; the next look gets farther. */
const TIME = 300;
/** Bars of one line. */
const MOST_BARS = 48;

interface Moment {
  /** In days since 1970, in the zone of the commit. */
  readonly day: number;
  readonly id: string;
}

export interface TimeLine {
  readonly content: Html | undefined;
  /** False where the time was too short to count all. */
  readonly complete: boolean;
}

/** @param shown the snapshot that the list below begins with */
export async function timeLine(view: View, shown: FS, gone: AbortSignal): Promise<TimeLine> {
  const { service, tip, place } = view;
  const signal = AbortSignal.any([gone, AbortSignal.timeout(TIME)]);
  const { ids, times, complete } = await service.histories.times(place.snapshot, signal);
  gone.throwIfAborted();
  const moments: Moment[] = [];
  let at = 0;
  for (const id of ids) {
    const day = dayNumber(times[at++]!);
    if (day !== undefined) moments.push({ day, id });
  }
  if (moments.length < 2) return { content: undefined, complete };
  const { bars, unit, indexOf } = barsOf(moments);
  const most = largest(bars.map(({ count }) => count));
  const day = dayNumber(localTimeOf(shown));
  const current =
    shown.commitHash === place.snapshot.commitHash || day === undefined ? undefined : indexOf(day);
  const width = 10;
  const drawn = bars.map(({ name, count, newest }, i) => {
    if (newest === undefined) return undefined;
    const height = Math.max(3, Math.round((46 * count) / most));
    const label = `${name}: ${count} ${count === 1 ? 'snapshot' : 'snapshots'}`;
    const url = view.links.here('', { history: true, from: newest });
    const mark = i === current && new Html(' class="on"');
    return html`<a href="${url}"${mark}><title>${label}</title><path class="hit" d="M${i * width} 0h${width}v50h-${width}z"/><rect x="${i * width + 1}" y="${50 - height}" width="${width - 2}" height="${height}" rx="1.5"/></a>`;
  });
  const ends = html`<span>${bars[0]!.name}</span><span class="dim">${complete ? '' : 'the newest '}${moments.length} snapshots, by ${unit}</span><span>${bars.at(-1)!.name}</span>`;
  const content = html`<section class="box line" aria-labelledby="line"><h2 id="line">Time line of ${refText(tip.snapshot)}</h2><svg width="${Math.min(100, bars.length * 4)}%" viewBox="0 0 ${bars.length * width} 50" preserveAspectRatio="none">${drawn}</svg><p>${ends}</p></section>\n`;
  return { content, complete };
}

interface Bar {
  readonly name: string;
  count: number;
  /** The newest snapshot of the period. */
  newest: string | undefined;
}

/** A period: the number that a day has in it, the first day of such a number, and how a day is written. */
interface Unit {
  readonly unit: string;
  of(day: number): number;
  first(number: number): number;
  readonly length: number;
}

const DAY = 86_400_000;

function months(unit: string, count: number, length: number): Unit {
  return {
    unit,
    of(day) {
      const date = new Date(day * DAY);
      return Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / count);
    },
    first(number) {
      const month = number * count;
      return new Date(0).setUTCFullYear(Math.floor(month / 12), month % 12, 1) / DAY;
    },
    length,
  };
}

const UNITS: readonly Unit[] = [
  { unit: 'day', of: (day) => day, first: (number) => number, length: 10 },
  // From Monday; 1970 began on a Thursday.
  {
    unit: 'week',
    of: (day) => Math.floor((day + 3) / 7),
    first: (number) => number * 7 - 3,
    length: 10,
  },
  months('month', 1, 7),
  months('quarter', 3, 7),
  months('year', 12, 4),
  months('5 years', 60, 4),
  months('50 years', 600, 4),
  months('1000 years', 12_000, 4),
];

interface Bars {
  readonly bars: readonly Bar[];
  readonly unit: string;
  indexOf(day: number): number;
}

/** The periods from the first snapshot to the last, oldest first: the shortest that are few enough. */
function barsOf(moments: readonly Moment[]): Bars {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { day } of moments) {
    first = Math.min(first, day);
    last = Math.max(last, day);
  }
  const period =
    UNITS.find(({ of }) => of(last) - of(first) < MOST_BARS) ?? UNITS[UNITS.length - 1]!;
  const start = period.of(first);
  const indexOf = (day: number) => period.of(day) - start;
  const bars = Array.from({ length: indexOf(last) + 1 }, (_, i): Bar => {
    const name = new Date(period.first(start + i) * DAY).toISOString().slice(0, period.length);
    return { name, count: 0, newest: undefined };
  });
  for (const { day, id } of moments) {
    const bar = bars[indexOf(day)]!;
    bar.count += 1;
    bar.newest ??= id;
  }
  return { bars, unit: period.unit, indexOf };
}

/** The day of a time in seconds; undefined where there is no such date: commits may hold any number. */
function dayNumber(time: number): number | undefined {
  const day = Math.floor(time / 86_400);
  return day > -700_000 && day < 2_900_000 ? day : undefined;
}
