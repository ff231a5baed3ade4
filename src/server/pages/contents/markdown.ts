/** Markdown as a page shows it: as GitHub renders it, sanitised, its links led to pages of the snapshot. */
import { Marked } from 'marked';
import { InvalidPathError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { normalizePath, parentPath } from '../../../tree/paths.ts';
import { HttpError } from '../../files/httpError.ts';
import { decodeUrlPath } from '../../files/target.ts';
import { escapeHtml, Html, html } from '../frame/html.ts';
import type { View } from '../frame/layout.ts';
import { colourLines, knownLanguage, prepareColours } from './colours.ts';
import { guarded } from './guard.ts';
import { fragmentOf, Sanitiser, type Targets } from './sanitiser.ts';

/** Characters of code that are coloured. */
const MOST_CODE = 20_000;

const marked = new Marked({
  gfm: true,
  renderer: {
    code({ text, lang }) {
      const language = knownLanguage(/^[^\s,{]*/.exec(lang ?? '')![0]);
      const coloured = language !== undefined && text.length <= MOST_CODE;
      const content = coloured ? colourLines(text, language).join('\n') : escapeHtml(text);
      return `<pre><code>${content}\n</code></pre>\n`;
    },
  },
});

export interface RenderedText {
  readonly content: Html;
  /** Whether all of it is shown. */
  readonly whole: boolean;
}

const MARKDOWN = /\.(?:md|markdown|mdown|mkd)$/i;

export function isMarkdown(path: string): boolean {
  return MARKDOWN.test(path);
}

/**
 * The text rendered; undefined where that takes too long or fails.
 * @param file its path, which its links are relative to, and its id
 * @param most characters of HTML: what comes after that is left out
 */
export function renderMarkdown(
  view: View,
  { path, id }: { readonly path: string; readonly id: ObjectId },
  text: string,
  most: number,
): RenderedText | undefined {
  for (const [, name] of text.matchAll(/^ {0,3}(?:`{3,}|~{3,}) *([\w+#-]+)/gm)) {
    const language = knownLanguage(name!);
    if (language !== undefined) prepareColours(language);
  }
  return guarded(`markdown ${id}`, () => {
    const sanitiser = new Sanitiser(targetsOf(view, path), most);
    for (const token of marked.lexer(text.toWellFormed())) {
      if (sanitiser.isFull) break;
      sanitiser.write(marked.parser([token]));
    }
    const content = sanitiser.end();
    return { content: html`<div class="md">${new Html(content)}</div>`, whole: !sanitiser.isFull };
  });
}

/** A URL with a scheme, or one that names a host. */
const ELSEWHERE = /^(?:[a-z][a-z0-9+.-]*:|[/\\]{2})/i;

interface Target {
  readonly path: string;
  /** Whether it was written with a slash at its end. */
  readonly isFolder: boolean;
  /** The fragment. */
  readonly rest: string;
}

function targetsOf({ links }: View, path: string): Targets {
  const folder = parentPath(path);
  /** The path in the snapshot, and what follows it; undefined outside of it. */
  const within = (url: string): Target | undefined => {
    const [, written = '', rest = ''] = /^([^?#]*)(.*)$/s.exec(url)!;
    try {
      const decoded = decodeUrlPath(written);
      const steps = decoded.startsWith('/') || folder === '' ? [] : folder.split('/');
      for (const step of decoded.split('/')) {
        if (step === '..') {
          if (steps.pop() === undefined) return undefined;
        } else if (step !== '' && step !== '.') steps.push(step);
      }
      return {
        path: normalizePath(steps.join('/')),
        isFolder: decoded.endsWith('/'),
        rest: rest.replace(/^[^#]*/, ''),
      };
    } catch (error) {
      // It names no path: it leads nowhere.
      if (error instanceof HttpError || error instanceof InvalidPathError) return undefined;
      throw error;
    }
  };
  return {
    link(given) {
      // As browsers read it: without the blanks around it and the line ends within.
      const url = given.trim().replace(/[\t\n\r]/g, '');
      if (url.startsWith('#')) return fragmentOf(url);
      if (/^(?:https?:\/\/|mailto:)/i.test(url)) return url;
      if (ELSEWHERE.test(url)) return url.startsWith('//') ? `https:${url}` : undefined;
      const target = within(url);
      if (target === undefined) return undefined;
      const fragment = isMarkdown(target.path) && target.rest !== '' ? fragmentOf(target.rest) : '';
      const page =
        target.isFolder || target.path === ''
          ? links.directory(target.path)
          : links.here(target.path, { view: true });
      return page + (fragment || target.rest);
    },
    picture(given) {
      const url = given.trim().replace(/[\t\n\r]/g, '');
      if (url === '' || ELSEWHERE.test(url)) return undefined;
      const target = within(url);
      return target === undefined || target.path === '' ? undefined : links.here(target.path);
    },
  };
}
