/** The page that says why there is none. */
import { type Html, html, visible } from '../frame/html.ts';
import { page } from '../frame/layout.ts';

export function errorPage(title: string, message: string, home: string): Html {
  return page(
    title,
    html`<header><h1>${title}</h1></header>
<main id="content"><p>${visible(message)}</p><p><a class="btn" href="${home}">To the start</a></p></main>`,
  );
}
