/** The few documents of the S3 protocol, by a parser that is loaded with the first of them. */

/** Names of elements to their text, or to what they hold; those that may come several times are lists. */
export interface Element {
  readonly [name: string]: string | Element | readonly Element[] | undefined;
}

const LISTS = new Set(['Contents', 'Error', 'Deleted']);

/** @returns the root element's name and content; undefined when the bytes are no XML */
export async function parseXml(
  body: Uint8Array,
): Promise<{ readonly root: string; readonly content: Element } | undefined> {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (!/^\s*</.test(text) || /<!DOCTYPE/i.test(text)) return undefined;
  const { XMLParser } = await import('./xmlParser.ts');
  const parser = new XMLParser({
    parseTagValue: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    removeNSPrefix: true,
    // Tags come with their quotes as &#34;.
    htmlEntities: true,
    // Other servers than S3 answer with pages of any depth.
    isArray: (name, path) => LISTS.has(name) && String(path).split('.').length === 2,
  });
  try {
    const parsed = parser.parse(text, true) as Record<string, Element | string>;
    const [root] = Object.keys(parsed);
    if (root === undefined) return undefined;
    const content = parsed[root];
    return { root, content: typeof content === 'object' ? content : {} };
  } catch {
    return undefined;
  }
}

/** The text of an element; empty when it is not there. */
export function textOf(element: Element, name: string): string {
  const value = element[name];
  return typeof value === 'string' ? value : '';
}

export function listOf(element: Element, name: string): readonly Element[] {
  const value = element[name];
  return Array.isArray(value) ? value : [];
}
