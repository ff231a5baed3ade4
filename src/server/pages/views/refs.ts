/** The page of all branches and tags. */

import { firstLine, shortHash } from '../../../git/objects/commitText.ts';
import type { FS } from '../../../store/fs.ts';
import type { Service } from '../../files/service.ts';
import { encodeUrlPath } from '../../files/target.ts';
import { type Html, html, visible } from '../frame/html.ts';
import { button, page, shortened, timeOf } from '../frame/layout.ts';

export interface RefRow {
  readonly name: string;
  readonly snapshot: FS;
  /** What its URL begins with. */
  readonly root: string;
}

/** Rows of one kind on one page. */
const MOST_ROWS = 50;

/** Which page of each is shown, from 1. */
export interface RefPages {
  readonly branches: number;
  readonly tags: number;
}

export function refsPage(
  service: Service,
  branches: readonly RefRow[],
  tags: readonly RefRow[],
  pages: RefPages,
): Html {
  const body = html`<header><h1>${visible(service.title)}</h1></header>
<main id="content">
${section(service, 'branches', branches, pages)}${section(service, 'tags', tags, pages)}</main>
<footer><span>gitstore</span></footer>`;
  return page(service.title, body);
}

function section(
  { baseUrl }: Service,
  kind: keyof RefPages,
  all: readonly RefRow[],
  pages: RefPages,
): Html {
  const last = Math.max(1, Math.ceil(all.length / MOST_ROWS));
  const number = Math.min(pages[kind], last);
  const rows = all.slice((number - 1) * MOST_ROWS, number * MOST_ROWS);
  const to = (page: number) => {
    const branches = kind === 'branches' ? page : pages.branches;
    const tags = kind === 'tags' ? page : pages.tags;
    return page < 1 || page > last
      ? undefined
      : `${baseUrl}/?branches=${branches}&tags=${tags}#${kind}`;
  };
  const pager =
    last > 1 &&
    html`<nav class="pages" aria-label="Pages of ${kind}">${button('← Previous', to(number - 1))}<span class="dim">Page ${number} of ${last} · ${all.length} ${kind}</span>${button('Next →', to(number + 1))}</nav>`;
  const list =
    rows.length === 0
      ? html`<p class="note">None.</p>`
      : html`<table class="ls refs"><thead><tr><th>Name<th>Permalink<th>Date<th>Last change<tbody>
${rows.map(({ name, snapshot, root }) => {
  const message = shortened(visible(firstLine(snapshot.message))) || '(no message)';
  const url = `${baseUrl}/${encodeUrlPath(root)}/`;
  return html`<tr><td class="b"><a href="${url}"><bdi>${visible(name)}</bdi></a><td><a class="mono" href="${url}?at=${snapshot.commitHash}">${shortHash(snapshot.commitHash)}</a><td>${timeOf(snapshot)}<td>${message}
`;
})}</table>`;
  return html`<h2 id="${kind}">${kind === 'tags' ? 'Tags' : 'Branches'}</h2><div class="box">${list}</div>${pager}
`;
}
