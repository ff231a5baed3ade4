/** The page of all branches and tags. */

import { firstLine, messageOf, type Snapshot } from '../../store/snapshot.ts';
import type { Service } from '../files/service.ts';
import { encodeUrlPath } from '../files/target.ts';
import { type Html, html, visible } from './html.ts';
import { page, timeOf } from './layout.ts';

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
<main>
${section(service, 'Branches', branches)}${section(service, 'Tags', tags)}</main>
<footer><span>gitstore</span></footer>`;
  return page(service.title, body);
}

function section({ baseUrl }: Service, title: string, rows: readonly RefRow[]): Html {
  const list =
    rows.length === 0
      ? html`<p class="note">None.</p>`
      : html`<table class="ls"><thead><tr><th>Name</th><th colspan="2">Last change</th></tr></thead><tbody>
${rows.map(({ name, snapshot, root }) => {
  const message = visible(firstLine(messageOf(snapshot.commit))) || '(no message)';
  const url = `${baseUrl}/${encodeUrlPath(root)}/`;
  return html`<tr><td class="name"><a class="n" href="${url}"><bdi>${visible(name)}</bdi></a></td><td class="when">${timeOf(snapshot)}</td><td class="last">${message}</td></tr>
`;
})}</tbody></table>`;
  return html`<h2>${title}</h2><div class="box">${list}</div>
`;
}
