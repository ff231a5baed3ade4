/**
 * Dates on the command line: how `--before` reads them and how times are printed (ISO 8601).
 */

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?$/;

const MINUTE = 60_000;
/** Milliseconds. */
export const DAY = 24 * 60 * MINUTE;

/**
 * The last moment that `--before` lets through. A date without a time means the end of that day, a
 * time without a zone is UTC. Undefined when the text is no date or names a day that does not exist.
 */
export function parseBefore(text: string): Date | undefined {
  const day = DATE.exec(text);
  if (day) {
    const start = startOfDay(day);
    return start === undefined ? undefined : new Date(start + DAY - 1);
  }
  const parts = DATE_TIME.exec(text);
  const start = parts ? startOfDay(parts) : undefined;
  if (!parts || start === undefined) return undefined;
  const [hour, minute, second] = [parts[4], parts[5], parts[6]].map((part) => Number(part ?? 0));
  if (hour! > 23 || minute! > 59 || second! > 59) return undefined;
  const offsetHours = Number(parts[10] ?? 0);
  const offsetMinutes = Number(parts[11] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offset = (parts[9] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes);
  const milliseconds = Math.floor(Number(`0.${parts[7] ?? 0}`) * 1000);
  const minutes = hour! * 60 + minute! - offset;
  return new Date(start + minutes * MINUTE + second! * 1000 + milliseconds);
}

/** Milliseconds of the day's first moment in UTC, from the groups year, month and day. */
function startOfDay(groups: RegExpExecArray): number | undefined {
  const [year, month, day] = [groups[1], groups[2], groups[3]].map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year!, month! - 1, day!);
  const exists = date.getUTCMonth() === month! - 1 && date.getUTCDate() === day!;
  return exists ? date.getTime() : undefined;
}

/**
 * The time to the second in the zone it was recorded in, as `2024-05-31T14:30:00+02:00`; a time that
 * no calendar holds (a broken commit) is `no-valid-time`.
 * @param offset minutes east of UTC
 */
export function isoTime(time: Date, offset: number): string {
  return isoSeconds(Math.floor(time.getTime() / 1000), offset);
}

/** The same of a time in seconds since 1970. */
export function isoSeconds(time: number, offset: number): string {
  const seconds = time + offset * 60;
  const day = Math.floor(seconds / 86_400);
  const date = dateOf(day);
  if (date === undefined) return 'no-valid-time';
  const second = seconds - day * 86_400;
  const minute = Math.floor(second / 60);
  const clock = `${hoursAndMinutes(minute)}:${twoDigits(second % 60)}`;
  return `${date}T${clock}${offset < 0 ? '-' : '+'}${hoursAndMinutes(Math.abs(offset))}`;
}

/** The month of the last date, as days since 1970: neighbours in a log mostly share theirs. */
let monthStart = 0;
let monthEnd = 0;
let month = '';

/** The date of a day since 1970. */
function dateOf(day: number): string | undefined {
  if (!(day >= monthStart && day < monthEnd)) {
    const date = new Date(day * DAY);
    if (Number.isNaN(date.getTime())) return undefined;
    const text = date.toISOString();
    monthStart = day - (date.getUTCDate() - 1);
    date.setUTCMonth(date.getUTCMonth() + 1, 1);
    // Past the last month that a `Date` can hold nothing is kept.
    monthEnd = Number.isNaN(date.getTime()) ? monthStart : Math.floor(date.getTime() / DAY);
    month = text.slice(0, text.indexOf('T') - 2);
    return text.slice(0, text.indexOf('T'));
  }
  return month + twoDigits(day - monthStart + 1);
}

function hoursAndMinutes(minutes: number): string {
  return `${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

function twoDigits(value: number): string {
  return TWO_DIGITS[value] ?? String(value);
}

const TWO_DIGITS = Array.from({ length: 100 }, (_, value) => String(value).padStart(2, '0'));
