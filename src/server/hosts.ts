/**
 * Which names a server answers to. A page of any web site can make its own name lead to 127.0.0.1 and
 * then read what a server there says (*DNS rebinding*); what it cannot do is to name another host than
 * its own. So a server that only this machine can reach wants to be called by an address or by
 * `localhost`, unless it is told other names.
 */
import { isIP } from 'node:net';

/** Every name is good. */
const ANY = '*';

export class AllowedHosts {
  readonly #exact: ReadonlySet<string>;
  readonly #suffixes: readonly string[];
  readonly #any: boolean;
  /** The field that was good last: clients mostly send the same. */
  #last: string | undefined;

  /** @param names `data.example.org`; `.example.org` with all names below it; `*`: any name */
  constructor(names: readonly string[]) {
    const hosts = names.map((name) => name.toLowerCase().replace(/\.$/, ''));
    this.#any = hosts.includes(ANY);
    this.#exact = new Set(hosts.map((name) => name.replace(/^\./, '')));
    this.#suffixes = ['.localhost', ...hosts.filter((name) => name.startsWith('.'))];
  }

  /** @param field the Host field of a request (RFC 9110, 7.2); a client without one is no browser */
  has(field: string | undefined): boolean {
    if (this.#any || field === undefined || field === this.#last) return true;
    const host = hostOf(field);
    const good =
      host === '' ||
      host === 'localhost' ||
      isIP(host) !== 0 ||
      this.#exact.has(host) ||
      this.#suffixes.some((suffix) => host.endsWith(suffix));
    if (good) this.#last = field;
    return good;
  }
}

/** The name without port, the address without brackets. */
export function hostOf(field: string): string {
  const host = field.trim().replace(/:[0-9]*$/, '');
  return host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./i.test(address);
}
