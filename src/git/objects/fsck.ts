/**
 * Finds faults of an object by the rules of `git fsck --strict` (Git's `fsck.c`). Readable objects may
 * violate them: an unsorted tree, a commit without author. Conditions of which `git fsck --strict` only
 * warns are not faults here either.
 */
import { asBuffer, sameBytes } from '../../bytes.ts';
import { isObjectType, type ObjectType } from '../objectId.ts';
import { decodePath } from '../pathBytes.ts';
import { parseConfig } from '../repository/config.ts';
import { isForbiddenSegment, isModulesFile } from './dotGit.ts';
import { compareNames, EntryScan, endingOf, ID_LENGTH } from './entryScan.ts';

const NONE: readonly string[] = [];

const LINE_FEED = 10;
const SLASH = 0x2f;
const DOT = 0x2e;
const ZERO = 0x30;
const LINK_MODE = 0o120000;
const LARGEST_LINE_IN_ATTRIBUTES = 2048;
const LARGEST_ATTRIBUTES = 100 << 20;

/** Kinds of blobs with rules for their contents, by their names in trees. */
export type NamedBlob = 'gitmodules' | 'gitattributes';

/** @returns a line for each fault, without the object's id; usually none */
export function findFaults(type: ObjectType, body: Uint8Array): readonly string[] {
  if (type === 'blob') return NONE;
  const bytes = asBuffer(body);
  if (type === 'tree') return treeFaults(bytes);
  return type === 'commit' ? commitFaults(bytes) : tagFaults(bytes);
}

/** The kind of blob that `bytes[from…to]` names, if its contents must be checked. */
export function namedBlob(bytes: Buffer, from: number, to: number): NamedBlob | undefined {
  const first = bytes[from];
  if (first !== 0x2e && first !== 0x67 && first !== 0x47) return undefined;
  const name = bytes.toString('latin1', from, to);
  if (isModulesFile(name)) return 'gitmodules';
  return /^\.gitattributes$/i.test(name) ? 'gitattributes' : undefined;
}

function treeFaults(bytes: Buffer): readonly string[] {
  let faults: Set<string> | undefined;
  const fault = (what: string): void => {
    faults ??= new Set();
    faults.add(what);
  };
  const entries = new EntryScan(bytes);
  let previousStart = 0;
  let previousEnd = -1;
  let previousEnding = 0;
  /** Whether a file's name is a prefix of the next name: a directory of the same name may follow later. */
  let mayRepeat = false;
  while (entries.next()) {
    const { mode, nameStart: start, nameEnd: end } = entries;
    if (bytes[entries.start] === ZERO) fault('has a mode with a leading zero');
    /** Whether the name has bytes that every alias of `.git` contains. */
    let suspicious = bytes[start] === DOT;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === SLASH) fault('has a name with a slash in it');
      if (byte >= 0x80 || byte === 0x7e || byte === 0x5c) suspicious = true;
    }
    if (end === start) fault('has an empty name');
    if (suspicious) nameFaults(bytes, start, end, mode, fault);
    if (isZero(bytes, end + 1)) fault('has an entry whose id is all zeros');
    const ending = endingOf(mode);
    if (previousEnd !== -1) {
      const length = previousEnd - previousStart;
      const isPrefix =
        length <= end - start &&
        bytes[start] === bytes[previousStart] &&
        bytes[start + length - 1] === bytes[previousEnd - 1] &&
        sameBytes(bytes, start, start + length, bytes, previousStart, previousEnd);
      if (isPrefix && length === end - start) fault('has two entries of one name');
      else {
        if (isPrefix) mayRepeat = true;
        const order = compareNames(
          bytes,
          previousStart,
          previousEnd,
          previousEnding,
          bytes,
          start,
          end,
          ending,
        );
        if (order > 0) fault('is not in order');
      }
    }
    previousStart = start;
    previousEnd = end;
    previousEnding = ending;
  }
  if (entries.fault !== undefined) return ['cannot be parsed as a tree'];
  if (mayRepeat && repeatsName(bytes)) fault('has two entries of one name');
  return faults === undefined ? NONE : [...faults];
}

function nameFaults(
  bytes: Buffer,
  start: number,
  end: number,
  mode: number,
  fault: (what: string) => void,
): void {
  const name = decodePath(bytes, start, end);
  if (name === '.') fault("has an entry named '.'");
  else if (name === '..') fault("has an entry named '..'");
  else if (isForbiddenSegment(name)) fault("has an entry that stands for '.git'");
  else if (mode === LINK_MODE && isModulesFile(name)) {
    fault('has a .gitmodules that is a symbolic link');
  }
}

/** Whether a name repeats. Other names may lie between a file and a directory of the same name. */
function repeatsName(bytes: Buffer): boolean {
  const names = new Set<string>();
  for (const entries = new EntryScan(bytes); entries.next(); ) {
    const name = bytes.toString('latin1', entries.nameStart, entries.nameEnd);
    if (names.has(name)) return true;
    names.add(name);
  }
  return false;
}

function isZero(bytes: Buffer, at: number): boolean {
  if (bytes[at] !== 0) return false;
  for (let i = 0; i < ID_LENGTH; i++) if (bytes[at + i] !== 0) return false;
  return true;
}

const ID_LINE = /^[0-9a-f]{40}$/;
/** The form of nearly all commits. Only others are parsed. */
const SOUND_COMMIT =
  /^tree [0-9a-f]{40}\n(?:parent [0-9a-f]{40}\n)*author [^<>\n\0]+ <[^<>\n\0]*> (?:0|[1-9]\d{0,18}) [+-]\d{4}\ncommitter [^<>\n\0]+ <[^<>\n\0]*> (?:0|[1-9]\d{0,18}) [+-]\d{4}\n(?:[^\n\0]+\n)*(?:\n|$)/;

function commitFaults(bytes: Buffer): readonly string[] {
  const text = bytes.toString('latin1');
  if (SOUND_COMMIT.test(text) && !text.includes('\0')) return NONE;
  const header = headerOf(text);
  if (typeof header === 'string') return [header];
  const { lines } = header;
  const faults: string[] = [];
  let at = 0;
  const tree = /^tree (.*)$/s.exec(lines[at] ?? '')?.[1];
  if (tree === undefined) return ['names no tree'];
  if (!ID_LINE.test(tree)) faults.push('names a tree by what is no id');
  at++;
  for (; lines[at]?.startsWith('parent ') === true; at++) {
    if (!ID_LINE.test(lines[at]!.slice('parent '.length))) {
      faults.push('names a parent by what is no id');
    }
  }
  let authors = 0;
  for (; lines[at]?.startsWith('author ') === true; at++, authors++) {
    const problem = identFault(lines[at]!.slice('author '.length));
    if (problem !== undefined) faults.push(`author line: ${problem}`);
  }
  if (authors === 0) faults.push('has no author');
  if (authors > 1) faults.push('has several authors');
  if (lines[at]?.startsWith('committer ') === true) {
    const problem = identFault(lines[at]!.slice('committer '.length));
    if (problem !== undefined) faults.push(`committer line: ${problem}`);
  } else {
    faults.push('has no committer');
  }
  if (text.includes('\0')) faults.push('has a NUL in its message');
  return faults;
}

function tagFaults(bytes: Buffer): readonly string[] {
  const text = bytes.toString('latin1');
  const header = headerOf(text);
  if (typeof header === 'string') return [header];
  const { lines } = header;
  const faults: string[] = [];
  const object = /^object (.*)$/s.exec(lines[0] ?? '')?.[1];
  if (object === undefined) return ['does not say what it tags'];
  if (!ID_LINE.test(object)) faults.push('tags what is no id');
  const type = /^type (.*)$/s.exec(lines[1] ?? '')?.[1];
  if (type === undefined) return [...faults, 'does not say the type of what it tags'];
  if (!isObjectType(type)) faults.push('tags something of no known type');
  if (lines[2]?.startsWith('tag ') !== true) return [...faults, 'has no name'];
  // Tags of very old Git versions name no tagger.
  if (lines[3]?.startsWith('tagger ') === true) {
    const problem = identFault(lines[3].slice('tagger '.length));
    if (problem !== undefined) faults.push(`tagger line: ${problem}`);
  }
  return faults;
}

/** The lines before the empty one, or their fault. */
function headerOf(text: string): { lines: string[] } | string {
  const end = text.indexOf('\n\n');
  const header = end === -1 ? text : text.slice(0, end + 1);
  const nul = header.indexOf('\0');
  if (nul !== -1) return 'has a NUL in its header';
  if (end === -1 && !text.endsWith('\n')) return 'has a header that does not end';
  return { lines: header.split('\n').slice(0, -1) };
}

/** @param ident `Name <mail> <seconds> <zone>` */
function identFault(ident: string): string | undefined {
  if (ident.startsWith('<')) return 'no name before the mail address';
  const name = /^[^<>\n]*/.exec(ident)![0];
  let rest = ident.slice(name.length);
  if (rest.startsWith('>')) return 'a name with > in it';
  if (!rest.startsWith('<')) return 'no mail address';
  if (!name.endsWith(' ')) return 'no space before the mail address';
  const mail = /^<[^<>\n]*/.exec(rest)![0];
  rest = rest.slice(mail.length);
  if (!rest.startsWith('>')) return 'a broken mail address';
  rest = rest.slice(1);
  if (!rest.startsWith(' ')) return 'no space before the date';
  rest = rest.slice(1);
  const digits = /^\d*/.exec(rest)![0];
  if (digits.startsWith('0') && digits !== '0') return 'a date with leading zeros';
  if (digits === '') return 'no date';
  if (Number(digits) > Number.MAX_SAFE_INTEGER) return 'a date that is too large';
  rest = rest.slice(digits.length);
  if (!rest.startsWith(' ')) return 'a broken date';
  return /^ [+-]\d{4}$/.test(rest) ? undefined : 'a broken time zone';
}

/** Faults in the contents of a blob with one of Git's own names. */
export function namedBlobFaults(kind: NamedBlob, body: Uint8Array): readonly string[] {
  return kind === 'gitmodules' ? modulesFaults(asBuffer(body)) : attributesFaults(asBuffer(body));
}

function attributesFaults(bytes: Buffer): readonly string[] {
  if (bytes.length > LARGEST_ATTRIBUTES) return ['.gitattributes: too large to be parsed'];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, at);
    const lineEnd = end === -1 ? bytes.length : end;
    if (lineEnd - at >= LARGEST_LINE_IN_ATTRIBUTES) return ['.gitattributes: a line is too long'];
    at = lineEnd + 1;
  }
  return NONE;
}

/** Finds values that would run a command or leave the working tree when submodules are initialized. */
function modulesFaults(bytes: Buffer): readonly string[] {
  const faults: string[] = [];
  let config: ReturnType<typeof parseConfig>;
  try {
    config = parseConfig(bytes.toString('utf8'));
  } catch {
    // Git only reports a malformed file: no submodule can be initialized from it.
    return NONE;
  }
  for (const key of config.keys()) {
    const [, name, variable] = /^submodule\.(.*)\.([^.]+)$/s.exec(key) ?? [];
    if (name === undefined) continue;
    const value = config.get(key) ?? '';
    if (name === '' || /(?:^|[/\\])\.\.(?:[/\\]|$)/.test(name)) {
      faults.push('.gitmodules: a submodule has a forbidden name');
    }
    if (variable === 'url' && isForbiddenUrl(value)) {
      faults.push('.gitmodules: a submodule has a forbidden URL');
    }
    if (variable === 'path' && value.startsWith('-')) {
      faults.push('.gitmodules: a submodule has a forbidden path');
    }
    if (variable === 'update' && value.startsWith('!')) {
      faults.push('.gitmodules: a submodule has a forbidden update command');
    }
  }
  return [...new Set(faults)];
}

function isForbiddenUrl(url: string): boolean {
  if (url.startsWith('-')) return true;
  if (/^\.\.?[/\\]/.test(url)) return /[\n]|%0a/i.test(url);
  const direct = /^(?:[a-z][a-z0-9+.-]*::)?(https?|ftps?):\/\//i.exec(url);
  if (direct === null) return false;
  const rest = url.slice(direct[0].length);
  return /\n|%0a/i.test(url) || rest === '' || rest.startsWith('/') || rest.startsWith(':');
}
