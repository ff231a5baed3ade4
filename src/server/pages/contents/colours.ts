/** Source code in colours, line by line. See docs/decisions/page-libraries.md. */

import { ByteCache } from '../../../byteCache.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { baseName } from '../../../tree/paths.ts';
import { guarded } from './guard.ts';
import { hljs } from './languages.mjs';

/** Characters of a text that gets colours. */
const MOST_COLOURED = 64 << 10;

/**
 * The lines of a file as HTML in colours; undefined for prose, for a long text, and where colouring takes too
 * long.
 * @param text as `colourLines`
 */
export function colouredLines(
  { path, id }: { readonly path: string; readonly id: ObjectId },
  text: string,
): readonly string[] | undefined {
  const language = text.length <= MOST_COLOURED ? languageOf(path) : undefined;
  if (language === undefined) return undefined;
  const key = `${language} ${id}`;
  let lines = coloured.get(key);
  if (lines === undefined) {
    prepareColours(language);
    lines = guarded(key, () => colourLines(text, language));
    if (lines !== undefined) coloured.set(key, lines);
  }
  return lines;
}

/** What was coloured last: a long text is on several pages. */
const coloured = new ByteCache<readonly string[]>(8 << 20, (lines) =>
  lines.reduce((sum, line) => sum + 2 * line.length + 32, 0),
);

/** What colours the texts of this file; undefined for prose and what is not known. */
export function languageOf(path: string): string | undefined {
  const name = baseName(path).toLowerCase();
  const end = name.slice(name.lastIndexOf('.') + 1);
  if (end === 'txt') return undefined;
  return knownLanguage(end) ?? knownLanguage(name.slice(0, Math.max(0, name.indexOf('.'))));
}

/** A language by the name that people use for it. */
export function knownLanguage(name: string): string | undefined {
  return /^[a-z0-9+#-]{1,20}$/i.test(name) && hljs.getLanguage(name) ? name : undefined;
}

/** One letter for each colour, by the first part of the scope that says what a piece is. */
const COLOURS: Readonly<Record<string, string>> = {
  comment: 'c',
  quote: 'c',
  doctag: 'c',
  keyword: 'k',
  literal: 'k',
  operator: '',
  punctuation: '',
  string: 's',
  regexp: 's',
  link: 's',
  code: 's',
  addition: 's',
  number: 'n',
  symbol: 'n',
  char: 'n',
  bullet: 'n',
  title: 'f',
  section: 'f',
  name: 'f',
  tag: '',
  'selector-tag': 'f',
  'selector-class': 'f',
  'selector-id': 'f',
  type: 't',
  built_in: 't',
  class: 't',
  attr: 'a',
  attribute: 'a',
  variable: 'a',
  property: 'a',
  'template-variable': 'a',
  meta: 'm',
  deletion: 'm',
  strong: 'f',
  emphasis: 's',
};

/**
 * The lines of a text as HTML, each with all its colours opened and closed.
 * @param text with line feeds alone, and without lone surrogates
 */
export function colourLines(text: string, language: string): string[] {
  const { value } = hljs.highlight(text, { language, ignoreIllegals: true });
  const lines: string[] = [];
  const open: string[] = [];
  let line = '';
  // What highlight.js writes: escaped text, and spans that nest.
  for (const [, scope, end, rest] of value.matchAll(
    /<span class="(?:hljs-|language-)([^" ]*)[^"]*">|(<\/span>)|([^<]+)/g,
  )) {
    if (scope !== undefined) {
      const colour = COLOURS[scope] ?? '';
      const tag = colour === '' ? '' : `<i class=${colour}>`;
      open.push(tag);
      line += tag;
    } else if (end !== undefined) {
      if (open.pop()) line += '</i>';
    } else {
      const [first = '', ...others] = rest!.split('\n');
      line += first;
      for (const next of others) {
        const tags = open.filter((tag) => tag !== '');
        lines.push(line + '</i>'.repeat(tags.length));
        line = tags.join('') + next;
      }
    }
  }
  lines.push(line);
  return lines.map((html) => html.replace(/<i class=\w><\/i>/g, ''));
}

/** Languages that others hold pieces of. */
const WITHIN_OTHERS = ['xml', 'css', 'javascript', 'bash'];

/** Makes ready what is made when a language is first used, which must not be broken off in between. */
export function prepareColours(language: string): void {
  for (const name of [language, ...WITHIN_OTHERS]) hljs.highlight('', { language: name });
}
