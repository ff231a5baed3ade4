/**
 * Dates on the command line: how `--before` reads them and how times are printed (ISO 8601).
 */

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?$/;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

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
  const local = new Date(time.getTime() + offset * MINUTE);
  if (Number.isNaN(local.getTime())) return 'no-valid-time';
  const sign = offset < 0 ? '-' : '+';
  const minutes = Math.abs(offset);
  const zone = `${sign}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
  return `${local.toISOString().replace(/\.\d+Z$/, '')}${zone}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
