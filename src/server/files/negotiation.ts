/** What form of an answer a client prefers: Accept and Accept-Encoding (RFC 9110, 12.4 and 12.5). */

export type Coding = 'br' | 'gzip' | 'identity';

interface Preference {
  readonly value: string;
  readonly weight: number;
}

/** More of them are not looked at. */
const MOST_PREFERENCES = 64;

function preferences(field: string): Preference[] {
  return field
    .split(',', MOST_PREFERENCES)
    .map((item) => {
      const [value = '', ...parameters] = item.split(';');
      const weight = parameters
        .map((parameter) => /^\s*q\s*=\s*([01](?:\.[0-9]*)?)\s*$/i.exec(parameter)?.[1])
        .find((found) => found !== undefined);
      return { value: value.trim().toLowerCase(), weight: Math.min(1, Number(weight ?? 1)) };
    })
    .filter(({ value }) => value !== '');
}

/**
 * Whether facts in JSON are wanted instead of the thing itself: `application/json` is named, and no
 * HTML with the same weight before it.
 */
export function wantsJson(accept: string | undefined): boolean {
  if (accept === undefined || !/application\/json/i.test(accept)) return false;
  let best: Preference | undefined;
  for (const preference of preferences(accept)) {
    const { value, weight } = preference;
    const counts = value === 'application/json' || value === 'text/html';
    if (counts && weight > (best?.weight ?? 0)) best = preference;
  }
  return best?.value === 'application/json';
}

export function wantsHtml(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes('text/html') === true && !wantsJson(accept);
}

/**
 * The coding for a body that shrinks: what the client likes best, and of what it likes the same the
 * first of `ours`.
 */
export function chooseCoding(acceptEncoding: string | undefined, ours: readonly Coding[]): Coding {
  if (acceptEncoding === undefined || acceptEncoding === '') return 'identity';
  const wanted = new Map(preferences(acceptEncoding).map(({ value, weight }) => [value, weight]));
  const others = wanted.get('*') ?? 0;
  let best: Coding = 'identity';
  let bestWeight = wanted.get('identity') ?? 0;
  for (const coding of ours) {
    const weight = wanted.get(coding) ?? (coding === 'gzip' ? wanted.get('x-gzip') : undefined);
    if (
      (weight ?? others) > bestWeight ||
      (best === 'identity' && weight === bestWeight && weight > 0)
    ) {
      best = coding;
      bestWeight = weight ?? others;
    }
  }
  return best;
}
