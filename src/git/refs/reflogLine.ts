/**
 * Lines of a reflog: `<old id> <new id> <who and when>`, and after a tab the message, if there is
 * one. Git's `refs/files-backend.c` is the source of the format.
 */

import { isObjectId, type ObjectId, ZERO_ID } from '../objectId.ts';
import { formatIdentity, type Identity, parseIdentity } from '../objects/identity.ts';
import { decodePath } from '../pathBytes.ts';

export interface ReflogLine {
  /** Value before; null where the ref was created. */
  readonly old: ObjectId | null;
  /** Value after; null where the ref was deleted. */
  readonly new: ObjectId | null;
  readonly who: Identity;
  readonly message: string;
}

const OLD_END = 40;
const NEW_START = OLD_END + 1;
const NEW_END = NEW_START + 40;
const WHO_START = NEW_END + 1;

/** A name may contain a tab too. After the zone, Git reads any text as the message. */
const WHO_AND_MESSAGE = /^(.*?> -?\d+ [+-]\d+)\t?(.*)$/s;

/** Reads a line, with or without its line feed; undefined for a malformed one. */
export function parseReflogLine(line: Uint8Array | string): ReflogLine | undefined {
  const text = (typeof line === 'string' ? line : decodePath(line)).replace(/\r?\n$/, '');
  const oldId = text.slice(0, OLD_END);
  const newId = text.slice(NEW_START, NEW_END);
  if (!isObjectId(oldId) || !isObjectId(newId)) return undefined;
  if (text[OLD_END] !== ' ' || text[NEW_END] !== ' ') return undefined;
  const match = WHO_AND_MESSAGE.exec(text.slice(WHO_START));
  if (match === null) return undefined;
  return {
    old: oldId === ZERO_ID ? null : oldId,
    new: newId === ZERO_ID ? null : newId,
    who: parseIdentity(match[1]!),
    message: match[2]!,
  };
}

/** Characters of a message, at most. A commit's first line may have any length. */
const LONGEST_MESSAGE = 4096;

/**
 * The line with its line feed. Replaces white space in the message by single spaces, as Git does, and cuts
 * a long message, so that programs can read the line.
 */
export function formatReflogLine(entry: ReflogLine): string {
  const message = cut(inOneLine(entry.message));
  const values = `${entry.old ?? ZERO_ID} ${entry.new ?? ZERO_ID}`;
  return `${values} ${formatIdentity(entry.who)}${message && '\t'}${message}\n`;
}

/** Matches most messages, which need no change. */
function inOneLine(message: string): string {
  return NOT_IN_ONE_LINE.test(message) ? message.replace(/\s+/g, ' ').trim() : message;
}

const NOT_IN_ONE_LINE = /^\s|[^\S ]|\s\s|\s$/;

function cut(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message;
  // Do not split a surrogate pair.
  return message
    .slice(0, LONGEST_MESSAGE)
    .replace(/[\ud800-\udbff]$/, '')
    .trimEnd();
}
