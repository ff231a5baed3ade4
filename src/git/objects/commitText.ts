/** Short texts of commits. */
import type { ObjectId } from '../objectId.ts';
import type { Commit } from './commit.ts';

/** The usual abbreviation of a commit's hash: seven digits. */
export function shortHash(id: ObjectId): string {
  return id.slice(0, 7);
}

/** What a list of commits shows of one. */
export interface CommitSummary {
  readonly authorName: string;
  readonly authorEmail: string;
  /** The committer's time, in seconds since 1970. */
  readonly time: number;
  /** The committer's zone, in minutes east of UTC. */
  readonly offset: number;
  /** The first line of the message. */
  readonly subject: string;
}

export function summaryOf(commit: Commit): CommitSummary {
  const { author, committer } = commit;
  return {
    authorName: author.name,
    authorEmail: author.email,
    time: committer.time,
    offset: committer.offset,
    subject: firstLine(messageOf(commit)),
  };
}

/** The message without trailing line ends. */
export function messageOf(commit: Commit): string {
  const { message } = commit;
  let end = message.length;
  while (end > 0 && message[end - 1] === '\n') end--;
  return message.slice(0, end);
}

/** The first non-blank line of a commit's message. Imported messages often begin with blank lines. */
export function firstLine(message: string): string {
  let start = 0;
  let end = message.indexOf('\n');
  while (end >= 0 && message.slice(start, end).trim() === '') {
    start = end + 1;
    end = message.indexOf('\n', start);
  }
  return end < 0 ? message.slice(start) : message.slice(start, end);
}
