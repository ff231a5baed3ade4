/** Access logs in the common log format (https://httpd.apache.org/docs/current/logs.html#common). */
import type { Exchange } from './exchange.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

let second = -1;
let stamp = '';

/** The line for an answer that is over. */
export function logLine({ request, response, sent }: Exchange): string {
  const address = request.socket?.remoteAddress ?? '-';
  const line = escapeField(`${request.method} ${request.url} HTTP/${request.httpVersion}`);
  // A client that left before the head of the answer got none.
  const status = response.headersSent ? response.statusCode : '-';
  return `${address} - - [${timeStamp(Date.now())}] "${line}" ${status} ${sent || '-'}`;
}

/** In UTC: a log of its own needs no zone. */
function timeStamp(now: number): string {
  const at = Math.floor(now / 1000);
  if (at !== second) {
    second = at;
    const iso = new Date(now).toISOString();
    const month = MONTHS[Number(iso.slice(5, 7)) - 1];
    stamp = `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
  }
  return stamp;
}

/** As Apache does it: nothing that a client sends can end the field or the line. */
function escapeField(text: string): string {
  if (!/["\\\x00-\x1f\x7f-\uffff]/.test(text)) return text;
  return text.replace(/["\\]|[\x00-\x1f\x7f-\uffff]/g, (char) =>
    char === '"' || char === '\\'
      ? `\\${char}`
      : [...Buffer.from(char, 'latin1')]
          .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
          .join(''),
  );
}
