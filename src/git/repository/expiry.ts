/**
 * Expiry times in the syntax of Git's configuration and options (`2.weeks.ago`, git-config(1),
 * gc.pruneExpire). Older objects expire.
 */
import { GitStoreError } from '../../errors.ts';

const SECOND = 1000;
const UNITS: Readonly<Record<string, number>> = {
  second: SECOND,
  minute: 60 * SECOND,
  hour: 3600 * SECOND,
  day: 24 * 3600 * SECOND,
  week: 7 * 24 * 3600 * SECOND,
  month: 30 * 24 * 3600 * SECOND,
  year: 365 * 24 * 3600 * SECOND,
};

/** The default of `gc.pruneExpire`. */
export const DEFAULT_PRUNE_EXPIRE = '2.weeks.ago';

/**
 * The parsed moment in milliseconds since the epoch: `Infinity` for `now` and `all` (everything is
 * older), `-Infinity` for `never` and `false`. Otherwise a date (ISO 8601; UTC without a zone, the
 * beginning of the day without a time), `<number> <unit> ago` with dots or spaces, `yesterday`, or a
 * number of seconds since the epoch.
 * @param now milliseconds since the epoch
 * @throws GitStoreError (`EINVAL`)
 */
export function parseExpiry(text: string, now: number): number {
  const wanted = text.trim().toLowerCase();
  if (wanted === 'now' || wanted === 'all') return Number.POSITIVE_INFINITY;
  if (wanted === 'never' || wanted === 'false') return Number.NEGATIVE_INFINITY;
  if (wanted === 'yesterday') return now - UNITS.day!;
  const ago = /^(?:\d+[. ]+[a-z]+?s?[. ]+)+ago$/.test(wanted);
  if (ago) {
    let moment = now;
    for (const [, count, unit] of wanted.matchAll(/(\d+)[. ]+([a-z]+?)s?(?=[. ])/g)) {
      const length = UNITS[unit!];
      if (length === undefined) throw notAMoment(text);
      moment -= Number(count) * length;
    }
    return moment;
  }
  if (/^\d{9,}$/.test(wanted)) return Number(wanted) * SECOND;
  if (/^\d{4}-\d\d-\d\d([t ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(z|[+-]\d\d:?\d\d))?)?$/.test(wanted)) {
    const zoned = /(z|[+-]\d\d:?\d\d)$/.test(wanted.slice(10));
    const iso = wanted.replace(/ (?=[+-]|z)/, '').replace(' ', 't');
    const time = Date.parse((zoned || iso.length === 10 ? iso : `${iso}z`).toUpperCase());
    if (!Number.isNaN(time)) return time;
  }
  throw notAMoment(text);
}

function notAMoment(text: string): GitStoreError {
  return new GitStoreError(
    `Not a moment: ${JSON.stringify(text)} (as now, never, 2.weeks.ago or 2024-05-31)`,
    'EINVAL',
  );
}
