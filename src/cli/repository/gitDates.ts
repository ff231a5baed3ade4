/**
 * Dates as `GIT_AUTHOR_DATE` and `GIT_COMMITTER_DATE` have them (git-commit(1), "DATE FORMATS"): Git's own
 * `SECONDS ZONE`, RFC 2822, ISO 8601, and the form of `git log`. A time without a zone is local time.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const ZONE = String.raw`(?:\s*(?<zone>Z|GMT|UTC|[+-]\d{2}(?::?\d{2})?))?`;
const CLOCK = String.raw`(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,]\d+)?)?`;
const FORMS = [
  String.raw`(?<year>\d{4})[-./](?<month>\d{1,2})[-./](?<day>\d{1,2})[T ]\s*${CLOCK}${ZONE}`,
  String.raw`(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})T(?<hour>\d{2})(?<minute>\d{2})(?<second>\d{2})${ZONE}`,
  String.raw`(?<month>\d{1,2})/(?<day>\d{1,2})/(?<year>\d{4})\s+${CLOCK}${ZONE}`,
  String.raw`(?<day>\d{1,2})\.(?<month>\d{1,2})\.(?<year>\d{4})\s+${CLOCK}${ZONE}`,
  String.raw`(?:[a-z]{3,9},?\s+)?(?<day>\d{1,2})\s+(?<word>[a-z]{3,9})\s+(?<year>\d{4})\s+${CLOCK}${ZONE}`,
  String.raw`(?:[a-z]{3,9},?\s+)?(?<word>[a-z]{3,9})\s+(?<day>\d{1,2})\s+${CLOCK}\s+(?<year>\d{4})${ZONE}`,
].map((form) => new RegExp(`^${form}$`, 'i'));

export interface GitDate {
  /** Seconds since 1970-01-01T00:00Z. */
  readonly time: number;
  /** Minutes east of UTC. */
  readonly offset: number;
}

/** Undefined for what is no date, names a day that does not exist, or one before 1970. */
export function parseGitDate(text: string): GitDate | undefined {
  const trimmed = text.trim();
  // Without the sign, short numbers would be years or days.
  const seconds = /^(?:@(\d{1,12})|(\d{9,12}))(?:\s+([+-]\d{4}))?$/.exec(trimmed);
  if (seconds !== null) {
    const time = Number(seconds[1] ?? seconds[2]);
    const offset =
      seconds[3] === undefined ? localOffset(new Date(time * 1000)) : offsetOf(seconds[3]);
    return offset === undefined ? undefined : { time, offset };
  }
  for (const form of FORMS) {
    const found = form.exec(trimmed)?.groups;
    if (found !== undefined) return dateOf(found);
  }
  return undefined;
}

function dateOf(groups: Readonly<Record<string, string | undefined>>): GitDate | undefined {
  const { word, zone } = groups;
  const month = word === undefined ? Number(groups.month) : monthOf(word);
  const [year, day, hour, minute, second] = [
    groups.year,
    groups.day,
    groups.hour,
    groups.minute,
    groups.second ?? '0',
  ].map(Number) as [number, number, number, number, number];
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const isOfDay = second === 60 || (date.getUTCMonth() === month - 1 && date.getUTCDate() === day);
  if (!isOfDay) return undefined;
  if (zone === undefined) {
    const local = new Date(year, month - 1, day, hour, minute, second);
    return inTime(local.getTime(), localOffset(local));
  }
  const offset = offsetOf(zone);
  return offset === undefined ? undefined : inTime(date.getTime() - offset * 60_000, offset);
}

function inTime(milliseconds: number, offset: number): GitDate | undefined {
  const time = Math.floor(milliseconds / 1000);
  return time >= 0 ? { time, offset } : undefined;
}

function monthOf(word: string): number {
  return MONTHS.indexOf(word.slice(0, 3).toLowerCase()) + 1;
}

function offsetOf(zone: string): number | undefined {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (match === null) return 0;
  const minutes = Number(match[3] ?? 0);
  if (Number(match[2]) > 14 || minutes > 59) return undefined;
  // The sum makes -0 a plain zero.
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + minutes) + 0;
}

function localOffset(date: Date): number {
  return -date.getTimezoneOffset() + 0;
}
