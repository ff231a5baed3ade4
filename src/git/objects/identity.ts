/**
 * Who did something and when: the part `Name <mail> <seconds> <zone>` of commits, tags and reflog
 * lines (git-commit-tree(1)). Reading never fails: an unreadable part is empty or zero.
 */
import { decodePath } from '../pathBytes.ts';

export interface Identity {
  readonly name: string;
  readonly email: string;
  /** Seconds since 1970-01-01T00:00Z; before it negative. */
  readonly time: number;
  /** Minutes east of UTC. Git's `-0000` is kept as -0. */
  readonly offset: number;
}

/** The line of a well-formed commit, which nearly all are. */
const WELL_FORMED = /^([^<>]*) <([^<>]*)> (-?\d+) ([+-]\d{4})$/;
/** The farthest second a `Date` can hold (ECMA-262, time values). */
const FARTHEST_TIME = 8_640_000_000_000;
/** The largest zone that `+hhmm` can express. */
const FARTHEST_OFFSET = 99 * 60 + 59;

/**
 * Reads `Name <mail> <seconds> <zone>`. Without `<mail>` the text before the date is the name; a
 * date that a `Date` cannot hold counts as 1970, as in Git.
 */
export function parseIdentity(line: string): Identity {
  const match = WELL_FORMED.exec(line);
  if (match !== null) return identity(match[1]!, match[2]!, match[3], match[4]);
  const mailStart = line.indexOf('<');
  const mailEnd = line.indexOf('>', mailStart);
  if (mailStart === -1 || mailEnd === -1) return parseWithoutMail(line);
  // Mail addresses with a `>` in them exist; the date follows the last one.
  const [time, zone] = words(line.slice(line.lastIndexOf('>') + 1));
  return identity(line.slice(0, mailStart), line.slice(mailStart + 1, mailEnd), time, zone);
}

/**
 * An identity as Git writes it, as a part of an expression for text that has one character for each
 * byte (Latin-1). Its groups are for `plainIdentity`.
 */
export const PLAIN_IDENTITY = String.raw`((?! )[^\0-\x1f<>\x7f]*[^\0- <>\x7f]) <([^\0- <>\x7f]*)> (\d{1,12}) ([+-])(\d\d)([0-5]\d)`;
export const PLAIN_IDENTITY_GROUPS = 6;

/** The identity that PLAIN_IDENTITY has found. @param first number of its first group */
export function plainIdentity(match: readonly string[], first: number): Identity {
  const minutes = Number(match[first + 4]) * 60 + Number(match[first + 5]);
  return {
    name: decodeName(match[first]!),
    email: decodeName(match[first + 1]!),
    time: Number(match[first + 2]),
    offset: match[first + 3] === '-' ? -minutes : minutes,
  };
}

const NOT_ASCII = /[\x80-\xff]/;

function decodeName(latin1: string): string {
  return NOT_ASCII.test(latin1) ? decodePath(Buffer.from(latin1, 'latin1')) : latin1;
}

/** The inverse of `parseIdentity`; characters that would break the format are left out, as by Git. */
export function formatIdentity(who: Identity): string {
  if (who !== formatted.who) {
    const { name, email, time, offset } = who;
    const date = `${clampTime(Math.floor(time))} ${formatOffset(offset)}`;
    formatted = { who, text: `${clean(name)} <${clean(email)}> ${date}` };
  }
  return formatted.text;
}

/** The last result. Author, committer and the identity in the reflog are usually the same. */
let formatted: { readonly who: Identity | undefined; readonly text: string } = {
  who: undefined,
  text: '',
};

/** Minutes east of UTC of a zone such as `+0530`; 0 for a malformed one. */
export function parseOffset(zone: string | undefined): number {
  if (zone === undefined || !/^[+-]\d+$/.test(zone)) return 0;
  const digits = Number(zone.slice(1));
  const minutes = Math.floor(digits / 100) * 60 + (digits % 100);
  if (!(minutes <= FARTHEST_OFFSET)) return 0;
  return zone.startsWith('-') ? -minutes : minutes;
}

/** The zone of minutes east of UTC, as `+0530`. */
export function formatOffset(offset: number): string {
  const minutes = Math.min(Math.round(Math.abs(offset)) || 0, FARTHEST_OFFSET);
  const sign = offset < 0 || Object.is(offset, -0) ? '-' : '+';
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  return `${sign}${hours}${String(minutes % 60).padStart(2, '0')}`;
}

function identity(
  name: string,
  email: string,
  time: string | undefined,
  zone: string | undefined,
): Identity {
  return {
    name: trimmed(name),
    email: trimmed(email),
    time: parseTime(time),
    offset: parseOffset(zone),
  };
}

function parseWithoutMail(line: string): Identity {
  const parts = words(line);
  const zone = parts.at(-1);
  const time = parts.at(-2);
  if (time === undefined || !/^-?\d+$/.test(time) || !/^[+-]\d+$/.test(zone ?? '')) {
    return identity(line, '', undefined, undefined);
  }
  return identity(parts.slice(0, -2).join(' '), '', time, zone);
}

function parseTime(digits: string | undefined): number {
  return digits !== undefined && /^-?\d+$/.test(digits) ? clampTime(Number(digits)) : 0;
}

function clampTime(seconds: number): number {
  // The sum makes -0 a plain zero.
  return Math.abs(seconds) <= FARTHEST_TIME ? seconds + 0 : 0;
}

function words(text: string): string[] {
  return text.split(/[ \t\r\n]+/).filter((word) => word !== '');
}

function clean(text: string): string {
  return trimmed(text.replace(/[<>\n\0]/g, ''));
}

/** Without the white space at both ends, of the kinds that Git knows: all others belong to a name. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (start < end && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Space, tab, line feed, carriage return. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
