/**
 * Who the commits of the command line are by, as with Git: `--author`, the environment (git(1),
 * "Git Commits"), `user.name` and `user.email`, and what is more special than these. Where nothing is said
 * it is `gitstore`.
 */
import { GitStoreError } from '../../errors.ts';
import type { GitConfig } from '../../git/repository/config.ts';
import {
  asWritten,
  DEFAULT_PERSON,
  type Person,
  type Signer,
  type Signers,
} from '../../store/context/signers.ts';
import { rawVariable } from '../arguments/rawArguments.ts';
import { parseGitDate } from './gitDates.ts';

type Role = 'author' | 'committer';

/**
 * @param given the author that the command line names
 * @param readConfig is called when the environment does not say all
 * @throws GitStoreError (`EINVAL`) for a variable that holds no name or no date
 */
export function findSigners(given: Person | undefined, readConfig: () => GitConfig): Signers {
  let config: GitConfig | undefined;
  const setting = (key: string): string | undefined => {
    config ??= readConfig();
    return config.get(key);
  };
  const signer = (role: Role, person: Person | undefined): Signer => {
    const date = dateOf(`GIT_${role.toUpperCase()}_DATE`);
    return { ...(person ?? personOf(role, setting)), date };
  };
  return { author: signer('author', given), committer: signer('committer', undefined) };
}

function personOf(role: Role, setting: (key: string) => string | undefined): Person {
  const variable = `GIT_${role.toUpperCase()}`;
  const named = rawVariable(`${variable}_NAME`);
  const name = named ?? (setting(`${role}.name`) || setting('user.name') || undefined);
  const email =
    rawVariable(`${variable}_EMAIL`) ??
    (setting(`${role}.email`) || undefined) ??
    // An empty one is what its owner wants.
    setting('user.email') ??
    (rawVariable('EMAIL') || undefined);
  const person = asWritten({
    name: name ?? DEFAULT_PERSON.name,
    email: email ?? DEFAULT_PERSON.email,
  });
  if (person.name !== '') return person;
  throw new GitStoreError(
    named === undefined
      ? `Git's ${role}.name or user.name holds no name: ${JSON.stringify(name)}`
      : `${variable}_NAME holds no name: ${JSON.stringify(named)}; give one, or unset it`,
    'EINVAL',
  );
}

function dateOf(variable: string): Signer['date'] {
  const text = process.env[variable];
  if (text === undefined || text === '') return undefined;
  const date = parseGitDate(text);
  if (date !== undefined) return date;
  throw new GitStoreError(
    `${variable} is no date: ${JSON.stringify(text)} (2024-05-31T14:30:00+02:00 and '1717158600 +0200' are)`,
    'EINVAL',
  );
}
