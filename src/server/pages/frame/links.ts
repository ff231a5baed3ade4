/** URLs of the pages and of the files behind them. */
import type { Service } from '../../files/service.ts';
import type { Place } from '../../files/snapshots.ts';
import { encodeUrlPath } from '../../files/target.ts';

/** `?view`, `?download`, …; with a value `?at=…`. In the order in which they are to stand. */
export type Query = Readonly<Record<string, string | true | undefined>>;

export class Links {
  /** Begins with a slash and ends without one. */
  readonly #prefix: string;
  /** The commit that was stepped back to. */
  readonly #at: string | undefined;

  /**
   * @param tip the snapshot that is served
   * @param at the one that is looked at
   */
  constructor({ baseUrl }: Service, tip: Place, at: Place) {
    this.#prefix = baseUrl + (tip.root === '' ? '' : `/${encodeUrlPath(tip.root)}`);
    this.#at =
      at.snapshot.commitHash === tip.snapshot.commitHash ? undefined : at.snapshot.commitHash;
  }

  /** In the snapshot that is looked at. */
  here(path: string, query: Query = {}): string {
    return this.to(path, { ...query, at: this.#at });
  }

  /** In the snapshot that is served, or the one that `query.at` names. */
  to(path: string, query: Query = {}): string {
    const parts = Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) =>
        value === true ? name : `${name}=${encodeURIComponent(String(value))}`,
      );
    const url = `${this.#prefix}/${encodeUrlPath(path)}`;
    return parts.length === 0 ? url : `${url}?${parts.join('&')}`;
  }

  /** A directory: its URL ends in a slash. */
  directory(path: string, query: Query = {}): string {
    return this.here(path === '' ? '' : `${path}/`, query);
  }
}
