/** The few pictures of the listing, drawn in the text colour. */
import { Html } from './html.ts';

function icon(path: string): Html {
  return new Html(
    `<svg viewBox="0 0 16 16" fill="currentColor" aria-hidden="true"><path d="${path}"/></svg>`,
  );
}

export const FOLDER = icon(
  'M1.5 3.5A1.5 1.5 0 0 1 3 2h3l1.6 1.8H13a1.5 1.5 0 0 1 1.5 1.5v7.2A1.5 1.5 0 0 1 13 14H3a1.5 1.5 0 0 1-1.5-1.5z',
);
export const FILE = icon(
  'M4 1h5.2L13 4.8V14a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V2a1 1 0 0 1 1-1zm.4 1.4v11.2h7.2V5.9H8.4V2.4zm5.4.5v1.6h1.7z',
);
export const LINK = icon(
  'M6.5 5 7.4 4 9 2.6a3.1 3.1 0 0 1 4.4 4.4L12 8.5 10.9 9.4 10 8.4l2.4-2.4a1.7 1.7 0 0 0-2.4-2.4L7.5 6zM9.5 11l-2.3 2.4A3.1 3.1 0 0 1 2.7 9L5 6.6l1 1-2.4 2.4A1.7 1.7 0 0 0 6.1 12.400l2.400-2.400zM5.700 9.300l3.600-3.600 1 1-3.600 3.600z',
);
