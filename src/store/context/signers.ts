/**
 * Author, committer and date of a commit: the store's defaults, or what a write gives.
 */
import { GitStoreError } from '../../errors.ts';
import { formatIdentity, type Identity, parseIdentity } from '../../git/objects/identity.ts';

/** A name and a mail address. */
export interface Person {
  readonly name: string;
  readonly email: string;
}

/** A person and the time of their commits; by default the present. */
export interface Signer extends Person {
  readonly date?: Pick<Identity, 'time' | 'offset'> | undefined;
}

export interface Signers {
  readonly author: Signer;
  readonly committer: Signer;
}

/** Options of a write that set author and date. */
export interface SignOptions {
  /** The author of the change, as `Name <mail>`; default the store's author. */
  author?: string | undefined;
  /** The date of the commit, author's and committer's; default now. Reflogs keep the real time. */
  time?: Date | undefined;
}

/** The same, checked. */
export interface Signing {
  readonly author?: Person | undefined;
  /** Milliseconds. */
  readonly time?: number | undefined;
}

export const DEFAULT_PERSON: Person = { name: 'gitstore', email: 'gitstore@localhost' };

/**
 * Reads `Name <mail>`.
 * @param what names the option in the error
 * @throws GitStoreError (`EINVAL`) for anything else
 */
export function parsePerson(text: string, what: string): Person {
  const match = typeof text === 'string' ? /^([^<>]*)<([^<>]*)>\s*$/.exec(text) : null;
  const person = match && asWritten({ name: match[1]!, email: match[2]! });
  if (person === null || person.name === '') {
    throw new GitStoreError(
      `${what} is 'Name <mail>', as 'Ada <ada@example.org>', not ${JSON.stringify(text)}`,
      'EINVAL',
    );
  }
  return person;
}

/** The identity as Git stores it, so that the same values are read back. */
export function asWritten({ name, email }: Person): Person {
  const kept = parseIdentity(formatIdentity({ name, email, time: 0, offset: 0 }));
  return { name: kept.name, email: kept.email };
}

/** @throws GitStoreError (`EINVAL`) */
export function signingOf({ author, time }: SignOptions): Signing | undefined {
  if (author === undefined && time === undefined) return undefined;
  return {
    author: author === undefined ? undefined : parsePerson(author, 'author'),
    time: time === undefined ? undefined : checkTime(time),
  };
}

function checkTime(time: Date): number {
  const milliseconds = time instanceof Date ? time.getTime() : Number.NaN;
  if (milliseconds >= 0) return milliseconds;
  throw new GitStoreError(
    `time is a Date from 1970 on, not ${Number.isNaN(milliseconds) ? String(time) : time.toISOString()}`,
    'EINVAL',
  );
}

/** The identities from a store's options. @throws GitStoreError (`EINVAL`) */
export function signersOf({
  author,
  email,
  committer,
}: {
  readonly author?: string | undefined;
  readonly email?: string | undefined;
  readonly committer?: string | undefined;
}): Signers {
  const isWhole = author?.includes('<') === true && email === undefined;
  const by = isWhole
    ? parsePerson(author, 'author')
    : asWritten({ name: author ?? DEFAULT_PERSON.name, email: email ?? DEFAULT_PERSON.email });
  return {
    author: by,
    committer: committer === undefined ? by : parsePerson(committer, 'committer'),
  };
}
