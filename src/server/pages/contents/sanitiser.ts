/**
 * HTML from strangers, written anew: only elements and attributes that are named here come out, every
 * text and value escaped, every element closed. Nothing in it runs, nothing is loaded from elsewhere.
 */
import { Parser } from 'htmlparser2';
import { escapeHtml, visible } from '../frame/html.ts';

/** Where links and pictures lead; undefined: nowhere. */
export interface Targets {
  link(url: string): string | undefined;
  picture(url: string): string | undefined;
}

const ALIGN = /^(?:left|right|center|justify)$/i;
const LENGTH = /^\d{1,4}%?$/;
const SPAN = /^\d{1,2}$/;

/** The elements that are kept, with what each attribute may say. */
const KEPT: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  ...Object.fromEntries(
    `abbr b blockquote caption center cite code dd del dfn dl dt em figcaption figure hr ins kbd li mark pre
     q s samp small span strike strong sub summary sup table tbody tfoot thead tr tt u ul var`
      .split(/\s+/)
      .map((name) => [name, {}]),
  ),
  br: {},
  a: {},
  img: { width: LENGTH, height: LENGTH, align: ALIGN },
  p: { align: ALIGN },
  div: { align: ALIGN },
  h1: { align: ALIGN },
  h2: { align: ALIGN },
  h3: { align: ALIGN },
  h4: { align: ALIGN },
  h5: { align: ALIGN },
  h6: { align: ALIGN },
  td: { align: ALIGN, colspan: SPAN, rowspan: SPAN },
  th: { align: ALIGN, colspan: SPAN, rowspan: SPAN },
  ol: { start: /^\d{1,9}$/ },
  details: { open: /^$/ },
  // Colours of code.
  i: { class: /^[a-z]$/ },
};

/** Elements that go with all that is in them. */
const DROPPED = new Set(
  `applet audio base embed frame frameset head iframe math noembed noframes noscript object plaintext script
   select style svg template textarea title video xmp`.split(/\s+/),
);

const EMPTY = new Set(['br', 'hr', 'img', 'input']);
/** Elements within each other; deeper ones are left out. */
const DEEPEST = 60;
/** What an element's name in the text can be followed to: names of the page itself begin otherwise. */
const ANCHOR = 'md-';

export class Sanitiser {
  readonly #targets: Targets;
  readonly #most: number;
  readonly #parser: Parser;
  readonly #open: string[] = [];
  #out: string[] = [];
  #length = 0;
  #isFull = false;
  /** The element whose content is dropped, and how many of its name are open. */
  #dropping: { readonly name: string; depth: number } | undefined;
  /** The heading that is open: where its start stands, and its text. */
  #heading: { readonly at: number; text: string } | undefined;
  readonly #anchors = new Map<string, number>();

  /** @param most characters that come out; what comes after that is left out */
  constructor(targets: Targets, most: number) {
    this.#targets = targets;
    this.#most = most;
    this.#parser = new Parser(
      {
        onopentag: (name, attributes) => this.#start(name, attributes),
        onclosetag: (name) => this.#end(name),
        ontext: (text) => this.#text(text),
      },
      { decodeEntities: true, lowerCaseTags: true, recognizeSelfClosing: false },
    );
  }

  /** Whether something had to be left out. */
  get isFull(): boolean {
    return this.#isFull;
  }

  write(html: string): void {
    this.#parser.write(html);
  }

  /** All of it, with what is open closed. */
  end(): string {
    this.#parser.end();
    while (this.#open.length > 0) this.#end(this.#open.at(-1)!);
    return this.#out.join('');
  }

  #put(html: string): void {
    this.#out.push(html);
    this.#length += html.length;
  }

  #text(text: string): void {
    if (this.#dropping !== undefined || this.#fills()) return;
    const left = this.#most - this.#length;
    const shown = text.length <= left ? text : text.slice(0, left);
    if (shown !== text) this.#isFull = true;
    if (this.#heading !== undefined) this.#heading.text += shown;
    this.#put(escapeHtml(withoutControls(shown)));
  }

  /** Whether no more comes out. */
  #fills(): boolean {
    if (this.#length >= this.#most) this.#isFull = true;
    return this.#isFull;
  }

  #start(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#dropping !== undefined) {
      if (this.#dropping.name === name) this.#dropping.depth += 1;
      return;
    }
    if (this.#fills()) return;
    if (DROPPED.has(name)) {
      this.#dropping = { name, depth: 1 };
      return;
    }
    // Lists of things to do.
    if (name === 'input' && attributes.type === 'checkbox') {
      this.#put('checked' in attributes ? '☑' : '☐');
      return;
    }
    const allowed = Object.hasOwn(KEPT, name) ? KEPT[name] : undefined;
    if (allowed === undefined || this.#open.length >= DEEPEST) return;
    if (name === 'a' && this.#open.includes('a')) return;
    if (name === 'img') {
      this.#picture(attributes, allowed);
      return;
    }
    const more = name === 'a' ? this.#link(attributes) : '';
    const heading = /^h[1-6]$/.test(name);
    // The page has a heading of its own above these.
    const shown = heading ? headingBelow(name) : name;
    if (heading && this.#heading === undefined) this.#heading = { at: this.#out.length, text: '' };
    this.#put(`<${shown}${attributesText(attributes, allowed)}${more}>`);
    if (!EMPTY.has(name)) this.#open.push(name);
  }

  #end(name: string): void {
    if (this.#dropping !== undefined) {
      if (this.#dropping.name !== name) return;
      this.#dropping.depth -= 1;
      if (this.#dropping.depth === 0) this.#dropping = undefined;
      return;
    }
    if (!this.#open.includes(name)) return;
    for (let last: string | undefined; last !== name; ) {
      last = this.#open.pop()!;
      const heading = /^h[1-6]$/.test(last);
      if (heading) this.#nameHeading();
      this.#put(`</${heading ? headingBelow(last) : last}>`);
    }
  }

  /** Gives a heading the name by which other texts link to it. */
  #nameHeading(): void {
    if (this.#heading === undefined) return;
    const { at, text } = this.#heading;
    this.#heading = undefined;
    const anchor = anchorOf(text);
    if (anchor === '') return;
    const times = this.#anchors.get(anchor) ?? 0;
    this.#anchors.set(anchor, times + 1);
    const id = escapeHtml(`${ANCHOR}${anchor}${times === 0 ? '' : `-${times}`}`);
    this.#out[at] = this.#out[at]!.replace(/>$/, ` id="${id}">`);
    this.#length += id.length + 6;
  }

  #link({ href, title }: Readonly<Record<string, string>>): string {
    const url = href === undefined ? undefined : this.#targets.link(href);
    if (url === undefined) return '';
    const away = /^[a-z]+:/i.test(url) ? ' rel="noopener noreferrer nofollow"' : '';
    const hint = title === undefined ? '' : ` title="${escapeHtml(visible(title))}"`;
    return ` href="${escapeHtml(url)}"${away}${hint}`;
  }

  #picture(
    attributes: Readonly<Record<string, string>>,
    allowed: Readonly<Record<string, RegExp>>,
  ): void {
    const { src, alt = '' } = attributes;
    const url = src === undefined ? undefined : this.#targets.picture(src);
    // Without the picture its description stands for it.
    if (url === undefined) {
      this.#text(alt);
      return;
    }
    const size = attributesText(attributes, allowed);
    this.#put(
      `<img src="${escapeHtml(url)}" alt="${escapeHtml(visible(alt))}" loading="lazy"${size}>`,
    );
  }
}

function attributesText(
  attributes: Readonly<Record<string, string>>,
  allowed: Readonly<Record<string, RegExp>>,
): string {
  let text = '';
  for (const [name, form] of Object.entries(allowed)) {
    const value = attributes[name];
    if (value !== undefined && form.test(value)) text += ` ${name}="${escapeHtml(value)}"`;
  }
  return text;
}

function headingBelow(name: string): string {
  return `h${Math.min(6, Number(name[1]) + 1)}`;
}

/** The name of a heading as GitHub makes it. */
function anchorOf(text: string): string {
  return withoutControls(text)
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-')
    .slice(0, 200);
}

/** A link within the text, as it leads on the page. */
export function fragmentOf(hash: string): string {
  return `#${ANCHOR}${hash.replace(/^#/, '')}`;
}

function withoutControls(text: string): string {
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '\ufffd').toWellFormed();
}
