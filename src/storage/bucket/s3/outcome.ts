/** Sorts answers that tell of a failure, where nothing is wrong with the request. */

/** Statuses of which the number says all. */
export function isPlain(status: number): boolean {
  return status === 304 || status === 409 || status === 412 || status === 429;
}

/**
 * Whether nothing was done (`busy`), or that is not known (`unknown`); undefined for a refusal.
 * @param code of the answer's document; empty if it has none
 * @param writes whether the request was to change something
 */
export function outcomeOf(
  status: number,
  code: string,
  writes: boolean,
): { readonly kind: 'busy' | 'unknown'; readonly reason?: string } | undefined {
  if (status === 404 && code === 'NoSuchUpload') {
    return { kind: 'unknown', reason: 'the upload is gone' };
  }
  if (status === 409 || status === 429 || status === 307) return { kind: 'busy' };
  if (status === 408 || code === 'RequestTimeout') return { kind: 'unknown' };
  if (status === 501) return undefined;
  // An engine without a quorum says so too, and may have written: only this word means that it has not.
  if (status === 503 && (!writes || code === 'SlowDown')) return { kind: 'busy' };
  return status >= 500 && status !== 507 ? { kind: 'unknown' } : undefined;
}
