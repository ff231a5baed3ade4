/**
 * Names of refs (git-check-ref-format(1)). A *full* name is one like `refs/heads/main`; a *short*
 * name is that of a branch or a tag.
 */
import { InvalidRefNameError } from '../../errors.ts';
import { checkText } from '../../optionTypes.ts';
import { hasLoneSurrogate } from '../pathBytes.ts';

const ESCAPED_BYTE = /[\udc80-\udcff]/;

/** True for a full name that Git allows: with two parts or more. */
export function isValidRefName(fullName: string): boolean {
  if (valid.has(fullName)) return true;
  if (!fullName.includes('/') || findFault(fullName) !== undefined) return false;
  if (valid.size === MOST_REMEMBERED) valid.clear();
  valid.add(fullName);
  return true;
}

/** Valid names. Callers check the same few again and again. */
const valid = new Set<string>();
const MOST_REMEMBERED = 100;

/**
 * Checks the short name of a branch or a tag: Git's rules, and no `:` and no white space, so that a path
 * argument can contain it.
 * @throws InvalidRefNameError that says what is wrong
 */
export function validateRefName(name: string): void {
  checkText(name, 'A name');
  const fault = findFault(name) ?? findFaultInShortName(name);
  if (fault !== undefined) {
    throw new InvalidRefNameError(`Invalid name ${JSON.stringify(name)}: ${fault}`, { ref: name });
  }
}

/** The rule of Git that a name breaks; undefined for a valid name. */
function findFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '@') return "it cannot be '@'";
  if (/[\x00-\x1f\x7f]/.test(name)) return 'it has a control character in it';
  const refused = /[ ~^:?*[\\]/.exec(name)?.[0];
  if (refused !== undefined) return `it cannot contain '${refused}'`;
  if (name.includes('..')) return "it cannot contain '..'";
  if (name.includes('@{')) return "it cannot contain '@{'";
  if (name.endsWith('.')) return "it cannot end in '.'";
  for (const part of name.split('/')) {
    if (part === '') return "a '/' must stand between two parts";
    if (part.startsWith('.')) return "no part can begin with '.'";
    if (part.endsWith('.lock')) return "no part can end in '.lock'";
  }
  return isEncodable(name) ? undefined : 'it is not valid Unicode';
}

function findFaultInShortName(name: string): string | undefined {
  if (/\s/.test(name)) return 'it cannot contain white space';
  if (name.startsWith('-')) return "it cannot begin with '-'";
  if (name === 'HEAD') return 'it is the name of the current branch';
  return undefined;
}

/** Lone surrogates must be escaped bytes, as in pathBytes.ts. */
function isEncodable(name: string): boolean {
  return !hasLoneSurrogate(name) || !hasLoneSurrogate(name.replace(/\p{Surrogate}/gu, escapedToX));
}

function escapedToX(surrogate: string): string {
  return ESCAPED_BYTE.test(surrogate) ? 'x' : surrogate;
}
