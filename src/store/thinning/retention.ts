/**
 * Retention policies with the names and semantics of restic (`restic forget`,
 * internal/data/snapshot_policy.go): each rule goes from the newest to the oldest snapshot and keeps the
 * newest of each hour, day and so on, up to its number. A rule that is not used up keeps the oldest.
 */
import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { labelsOf } from '../commit/labels.ts';

/** The snapshots to keep. The newest one and tagged ones are always kept. */
export interface ThinPolicy {
  /** The newest N. */
  readonly keepLast?: number | undefined;
  /** Everything this long before the newest: `2d`, `1y5m7d2h` (years, months, days, hours). */
  readonly keepWithin?: string | undefined;
  /** The newest of each of the last N hours that have one, and so on. */
  readonly keepHourly?: number | undefined;
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepYearly?: number | undefined;
  /** Those with one of these labels: `NAME`, or `NAME=VALUE`. */
  readonly keepLabels?: readonly string[] | undefined;
  /**
   * Removes the oldest snapshots that the other rules keep (all are kept without other rules), until the
   * objects of all refs take at most this many bytes in their present form.
   */
  readonly maxSize?: number | undefined;
}

const RULES: Record<keyof ThinPolicy, true> = {
  keepLast: true,
  keepWithin: true,
  keepHourly: true,
  keepDaily: true,
  keepWeekly: true,
  keepMonthly: true,
  keepYearly: true,
  keepLabels: true,
  maxSize: true,
};

/** @throws GitStoreError (`EINVAL`) for an invalid policy, or one that keeps nothing */
export function requirePolicy(policy: ThinPolicy): void {
  keptByPolicy([], policy);
}

export interface Aged {
  readonly id: ObjectId;
  readonly commit: Pick<Commit, 'committer' | 'message'>;
}

interface Rule {
  readonly reason: string;
  left: number;
  last: string;
  readonly bucket: (snapshot: Aged, index: number) => string;
}

/**
 * @param line newest first
 * @returns the reasons for each kept snapshot
 * @throws GitStoreError (`EINVAL`) for an invalid policy, or one that keeps nothing
 */
export function keptByPolicy(line: readonly Aged[], policy: ThinPolicy): Map<ObjectId, string[]> {
  for (const name of Object.keys(policy)) {
    if (!Object.hasOwn(RULES, name)) {
      throw new GitStoreError(
        `No rule '${name}' for thinning: ${Object.keys(RULES).join(', ')}`,
        'EINVAL',
      );
    }
  }
  const rules = rulesOf(policy);
  const within = policy.keepWithin === undefined ? undefined : parseSpan(policy.keepWithin);
  const labels = policy.keepLabels ?? [];
  if (rules.length === 0 && within === undefined && labels.length === 0) {
    if (policy.maxSize !== undefined) return new Map(line.map(({ id }) => [id, ['size']]));
    throw new GitStoreError('Nothing says what is kept; give keepLast, keepDaily, …', 'EINVAL');
  }
  const newest = line[0];
  const since = within && newest && startOf(within, newest.commit.committer.time);
  const kept = new Map<ObjectId, string[]>();
  for (const [index, snapshot] of line.entries()) {
    const reasons: string[] = [];
    if (since !== undefined && snapshot.commit.committer.time > since) reasons.push('within');
    for (const rule of rules) {
      if (rule.left === 0) continue;
      const bucket = rule.bucket(snapshot, index);
      if (bucket === rule.last && index < line.length - 1) continue;
      rule.last = bucket;
      rule.left -= 1;
      reasons.push(rule.reason);
    }
    if (labels.length > 0 && hasOneOf(labels, snapshot.commit.message)) reasons.push('label');
    if (reasons.length > 0) kept.set(snapshot.id, reasons);
  }
  return kept;
}

function rulesOf(policy: ThinPolicy): Rule[] {
  const rules: Rule[] = [];
  const add = (name: keyof ThinPolicy, reason: string, bucket: Rule['bucket']): void => {
    const count = policy[name];
    if (count === undefined) return;
    if (!Number.isSafeInteger(count) || (count as number) < 0) {
      throw new GitStoreError(`${name} must be a whole number of 0 or more: ${count}`, 'EINVAL');
    }
    rules.push({ reason, left: count as number, last: '', bucket });
  };
  const { maxSize } = policy;
  if (maxSize !== undefined && !(Number.isSafeInteger(maxSize) && maxSize > 0)) {
    throw new GitStoreError(`maxSize must be a number of bytes above 0: ${maxSize}`, 'EINVAL');
  }
  add('keepLast', 'last', (_, index) => String(index));
  add('keepHourly', 'hourly', (one) => dateOf(one).toISOString().slice(0, 13));
  add('keepDaily', 'daily', (one) => dateOf(one).toISOString().slice(0, 10));
  add('keepWeekly', 'weekly', (one) => isoWeek(dateOf(one)));
  add('keepMonthly', 'monthly', (one) => dateOf(one).toISOString().slice(0, 7));
  add('keepYearly', 'yearly', (one) => dateOf(one).toISOString().slice(0, 4));
  return rules;
}

/** A date with UTC fields that show the committer's local time. */
function dateOf({ commit: { committer } }: Aged): Date {
  const date = new Date((committer.time + committer.offset * 60) * 1000);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

/** The year and week of ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): string {
  const thursday = new Date(date);
  thursday.setUTCDate(date.getUTCDate() + 3 - ((date.getUTCDay() + 6) % 7));
  const year = thursday.getUTCFullYear();
  const days = (thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000;
  return `${year}-${Math.floor(days / 7)}`;
}

interface Span {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** @throws GitStoreError (`EINVAL`) */
function parseSpan(text: string): Span {
  const found = /^(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?(?:(\d+)h)?$/.exec(text);
  if (found === null || text === '') {
    throw new GitStoreError(`Not a span of time: ${text}; as in 2d, 12h, 1y5m7d2h`, 'EINVAL');
  }
  const [years, months, days, hours] = found.slice(1).map((digits) => Number(digits ?? 0));
  return { years: years!, months: months!, days: days!, hours: hours! };
}

/** @param time seconds since the epoch @returns the moment that span earlier, in the same unit */
function startOf({ years, months, days, hours }: Span, time: number): number {
  const date = new Date(time * 1000);
  date.setUTCFullYear(date.getUTCFullYear() - years, date.getUTCMonth() - months);
  date.setUTCDate(date.getUTCDate() - days);
  return date.getTime() / 1000 - hours * 3600;
}

function hasOneOf(wanted: readonly string[], message: string): boolean {
  const labels = Object.entries(labelsOf(message));
  return wanted.some((text) => {
    const at = text.indexOf('=');
    const name = (at < 0 ? text : text.slice(0, at)).toLowerCase();
    return labels.some(
      ([key, value]) => key.toLowerCase() === name && (at < 0 || value === text.slice(at + 1)),
    );
  });
}
