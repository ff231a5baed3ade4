/**
 * Configuration files (git-config(1), "Syntax"). A key is `section.name` or
 * `section.subsection.name`: section and name in any letter case, the subsection as it is. Includes
 * are not followed.
 */
import { CorruptObjectError, GitStoreError } from '../../errors.ts';

interface Setting {
  /** In the form of `normalizeKey`. */
  readonly key: string;
  /** Null for a name without a value, which means true as a boolean and is empty otherwise. */
  readonly value: string | null;
  /** Start of the name in the text, and end of the value without comment. */
  readonly start: number;
  readonly end: number;
}

interface Section {
  /** `section` or `section.subsection`, normalized. */
  readonly name: string;
  /** End of its last setting, or of its header. */
  end: number;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** The settings of one file. */
export class GitConfig {
  readonly #values = new Map<string, (string | null)[]>();
  readonly #settings: (readonly [key: string, value: string | null])[] = [];

  constructor(settings: Iterable<readonly [key: string, value: string | null]>) {
    for (const [key, value] of settings) {
      this.#settings.push([key, value]);
      const values = this.#values.get(key);
      if (values === undefined) this.#values.set(key, [value]);
      else values.push(value);
    }
  }

  /** All keys, with section and name in lower case. */
  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** All settings in the order of the file, with keys as in `keys()`; null for a name without a value. */
  entries(): Iterable<readonly [key: string, value: string | null]> {
    return this.#settings;
  }

  /** As in Git, the last value of a key; empty for a name without a value. */
  get(key: string): string | undefined {
    return this.getAll(key).at(-1);
  }

  /** All values of a key in the order of the file. */
  getAll(key: string): string[] {
    return this.#get(key).map((value) => value ?? '');
  }

  /** All values of several keys, in the order of the file. */
  getAllOf(keys: readonly string[]): string[] {
    const wanted = new Set(keys.map(normalizeKey));
    return this.#settings.flatMap(([key, value]) => (wanted.has(key) ? [value ?? ''] : []));
  }

  /** @throws GitStoreError (`EINVAL`) when the value is not a boolean */
  getBool(key: string): boolean | undefined {
    const value = this.#get(key).at(-1);
    if (value === undefined) return undefined;
    if (value === null || /^(true|yes|on)$/i.test(value)) return true;
    if (/^(|false|no|off)$/i.test(value)) return false;
    const number = parseNumber(value);
    if (number === undefined) throw badValue(key, value, 'a boolean');
    return number !== 0;
  }

  /**
   * An integer. The suffixes `k`, `m` and `g` multiply by powers of 1024.
   * @throws GitStoreError (`EINVAL`) when the value is not such a number
   */
  getInt(key: string): number | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    const number = parseNumber(value);
    if (number === undefined) throw badValue(key, value, 'a number');
    return number;
  }

  #get(key: string): readonly (string | null)[] {
    return this.#values.get(normalizeKey(key)) ?? [];
  }
}

/** @throws CorruptObjectError for a line that Git would not read */
export function parseConfig(text: string): GitConfig {
  return new GitConfig(new ConfigReader(text).read().map(({ key, value }) => [key, value]));
}

/**
 * The text with one value changed or added, otherwise unchanged. Of several values of the key it changes
 * the last, which is the effective one.
 * @param key `section.name` or `section.subsection.name`
 * @throws CorruptObjectError when the text cannot be read
 * @throws GitStoreError (`EINVAL`) for an invalid key or value
 */
export function setConfigValue(text: string, key: string, value: string): string {
  const wanted = normalizeKey(key);
  const name = key.slice(key.lastIndexOf('.') + 1);
  const sectionKey = wanted.slice(0, Math.max(0, wanted.lastIndexOf('.')));
  if (!/^[a-z][a-z0-9-]*$/i.test(name) || !/^[a-z0-9-]+(\..*)?$/is.test(sectionKey)) {
    throw new GitStoreError(`Not a configuration key: ${JSON.stringify(key)}`, 'EINVAL');
  }
  if (/[\n\0]/.test(sectionKey) || value.includes('\0')) {
    throw new GitStoreError(`${key} cannot hold that value`, 'EINVAL');
  }
  const setting = `${name} = ${quote(value)}`;
  const reader = new ConfigReader(text);
  const old = reader.read().findLast((candidate) => candidate.key === wanted);
  if (old !== undefined) return text.slice(0, old.start) + setting + text.slice(old.end);
  const section = reader.sections.findLast((candidate) => candidate.name === sectionKey);
  if (section === undefined) {
    const gap = text === '' || text.endsWith('\n') ? '' : '\n';
    return `${text}${gap}${formatSection(sectionKey)}\n\t${setting}\n`;
  }
  const rest = /^\s*?(?:[#;].*)?(?=\r?\n|$)/.exec(text.slice(section.end));
  // A comment may follow the last setting, and another section may follow a header.
  const at = section.end + (rest?.[0].length ?? 0);
  return `${text.slice(0, at)}\n\t${setting}${rest === null ? '\n' : ''}${text.slice(at)}`;
}

/** Parses a text in one pass. */
class ConfigReader {
  readonly sections: Section[] = [];
  readonly #settings: Setting[] = [];
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  read(): Setting[] {
    for (;;) {
      this.#take(/\s*/y);
      const next = this.#text[this.#at];
      if (next === undefined) return this.#settings;
      if (next === '#' || next === ';') this.#take(/[^\n]*/y);
      else if (next === '[') this.#readSection();
      else this.#readSetting();
    }
  }

  #readSection(): void {
    const [, section, quoted] =
      this.#take(/\[([a-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?\]/iy) ?? this.#fail();
    const subsection = quoted?.replace(/\\(.)/gs, '$1');
    const name = section!.toLowerCase() + (subsection === undefined ? '' : `.${subsection}`);
    this.sections.push({ name, end: this.#at });
  }

  #readSetting(): void {
    const section = this.sections.at(-1);
    const start = this.#at;
    // Nearly every line matches this. Other patterns take time to compile.
    const plain = this.#take(/([a-z][a-z0-9-]*)[ \t]*=[ \t]*([^\\\n"#; \t\r\v\f]+)(?=\r?\n|$)/iy);
    if (plain !== null) {
      this.#add(section, plain[1]!, plain[2]!, start, this.#at);
      return;
    }
    const [name] = this.#take(/[a-z][a-z0-9-]*/iy) ?? this.#fail();
    let end = this.#at;
    let value: string | null = null;
    this.#take(/[ \t]*/y);
    if (this.#take(/=/y)) {
      end = this.#at;
      this.#take(/[ \t]*/y);
      ({ value, end } = this.#readValue(end));
    } else if (!this.#take(/(?=\r?\n)|$/y)) {
      this.#fail();
    }
    this.#add(section, name, value, start, end);
  }

  #add(
    section: Section | undefined,
    name: string,
    value: string | null,
    start: number,
    end: number,
  ): void {
    const key = (section ? `${section.name}.` : '') + name.toLowerCase();
    if (section !== undefined) section.end = end;
    this.#settings.push({ key, value, start, end });
  }

  /** Reads to the end of the line, including a comment; `end` is the end of the value. */
  #readValue(from: number): { value: string; end: number } {
    let value = '';
    let end = from;
    let quoted = false;
    /** White space that counts only if something follows it. */
    let space = '';
    for (;;) {
      const [token] = this.#take(
        /\\(?:\r?\n|[\s\S]|$)|\r?\n|["#;]|[ \t\r\v\f]+|[^\\\n"#; \t\r\v\f]+/y,
      ) ?? [''];
      if (token === '' || token === '\n' || token === '\r\n') {
        if (quoted) this.#fail();
        return { value, end };
      }
      if (!quoted && (token === '#' || token === ';')) {
        this.#take(/[^\n]*/y);
        continue;
      }
      if (!quoted && /^\s/.test(token)) {
        if (value !== '') space += token;
        continue;
      }
      value += space;
      space = '';
      if (token === '"') quoted = !quoted;
      else if (!token.startsWith('\\')) value += token;
      else if (!/\n$|^\\$/.test(token)) value += this.#unescape(token);
      end = this.#at;
    }
  }

  #unescape(token: string): string {
    const escapes: Readonly<Record<string, string>> = {
      n: '\n',
      t: '\t',
      b: '\b',
      '"': '"',
      '\\': '\\',
    };
    return escapes[token[1]!] ?? this.#fail();
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #fail(): never {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    throw new CorruptObjectError(`Line ${line} of the configuration cannot be read`);
  }
}

export function normalizeKey(key: string): string {
  const first = key.indexOf('.');
  const last = key.lastIndexOf('.');
  if (first === -1) return key.toLowerCase();
  return key.slice(0, first).toLowerCase() + key.slice(first, last) + key.slice(last).toLowerCase();
}

function formatSection(name: string): string {
  const dot = name.indexOf('.');
  if (dot === -1) return `[${name}]`;
  return `[${name.slice(0, dot)} "${name.slice(dot + 1).replace(/["\\]/g, '\\$&')}"]`;
}

function quote(value: string): string {
  const escaped = value
    .replace(/["\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\b', '\\b');
  return /^\s|\s$|[#;\r]/.test(value) ? `"${escaped}"` : escaped;
}

function parseNumber(value: string): number | undefined {
  const match = /^([+-]?\d+)([kmg]?)$/i.exec(value.trim());
  const number = match ? Number(match[1]) * UNITS[match[2]!.toLowerCase()]! : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

function badValue(key: string, value: string, what: string): GitStoreError {
  return new GitStoreError(`${key} is not ${what}: ${JSON.stringify(value)}`, 'EINVAL');
}
