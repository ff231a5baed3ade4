/** The page of all branches and tags. */

import { firstLine, messageOf, type Snapshot, shortHash } from '../../store/snapshot.ts';
import type { Service } from '../files/service.ts';
import { encodeUrlPath } from '../files/target.ts';
import { type Html, html, visible } from './html.ts';
import { page, shortened, timeOf } from './layout.ts';

export interface RefRow {
  readonly name: string;
  readonly snapshot: Snapshot;
  /** What its URL begins with. */
  readonly root: string;
}

export function refsPage(
  service: Service,
  branches: readonly RefRow[],
  tags: readonly RefRow[],
): Html {
  const body = html`<header><h1>${visible(service.title)}</h1></header>
<main id="content">
${section(service, 'Branches', branches)}${section(service, 'Tags', tags)}</main>
<footer><span>gitstore</span></footer>`;
  return page(service.title, body);
}

function section({ baseUrl }: Service, title: string, rows: readonly RefRow[]): Html {
  const list =
    rows.length === 0
      ? html`<p class="note">None.</p>`
      : html`<table class="ls refs"><thead><tr><th>Name<th>Permalink<th>Date<th>Last change<tbody>
${rows.map(({ name, snapshot, root }) => {
  const message = shortened(visible(firstLine(messageOf(snapshot.commit)))) || '(no message)';
  const url = `${baseUrl}/${encodeUrlPath(root)}/`;
  return html`<tr><td class="b"><a href="${url}"><bdi>${visible(name)}</bdi></a><td><a class="mono" href="${url}?at=${snapshot.id}">${shortHash(snapshot.id)}</a><td>${timeOf(snapshot)}<td>${message}
`;
})}</table>`;
  return html`<h2>${title}</h2><div class="box">${list}</div>
`;
}
