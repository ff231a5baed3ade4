/**
 * How requests get to an engine: kept-alive connections, through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and
 * `NO_PROXY` name, with the certificates of `AWS_CA_BUNDLE`, or of `ca_bundle` of the profile.
 */
import http from 'node:http';
import https from 'node:https';
import type { HttpsProxyAgent } from 'https-proxy-agent';
import { GitStoreError } from '../../../errors.ts';
import { reasonAndStep } from '../../../systemFaults.ts';
import { readFileSync } from '../../disk/fs.ts';
import { readProfile } from './profile.ts';

export interface Route {
  readonly agent: http.Agent;
  /** Host and port of the proxy, without credentials; undefined: there is none. */
  readonly proxy?: string | undefined;
  /** Whether authorities of certificates are named that go instead of those that Node knows. */
  readonly hasAuthorities: boolean;
  /** Closes the connection to the proxy on which a request waits that has no socket yet. */
  abandon?(request: http.ClientRequest): void;
}

/** An engine may close a connection that rests, just when the next request goes out on it. In ms. */
const LONGEST_REST = 4000;
const OPTIONS = { keepAlive: true, timeout: LONGEST_REST, scheduling: 'lifo' } as const;

/** @throws GitStoreError (`EINVAL`) when a variable makes no sense */
export async function routeTo(origin: URL): Promise<Route> {
  const isSecure = origin.protocol === 'https:';
  const ca = isSecure ? await authorities() : undefined;
  const options = { ...OPTIONS, ...(ca !== undefined && { ca }) };
  const hasAuthorities = ca !== undefined;
  const named = proxyVariable(isSecure);
  const { getProxyForUrl, HttpProxyAgent, HttpsProxyAgent } =
    named === undefined ? {} : await import('./proxyAgents.ts');
  // It asks NO_PROXY, too.
  if (named === undefined || getProxyForUrl!(origin.href) === '') {
    return { agent: new (isSecure ? https : http).Agent(options), hasAuthorities };
  }
  // Without a scheme most programs mean a proxy without TLS, whatever is reached through it.
  const text = named.value.includes('://') ? named.value : `http://${named.value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol) || proxy.hostname === '') {
    throw new GitStoreError(
      `${named.name} must be http://HOST:PORT or https://HOST:PORT`,
      'EINVAL',
    );
  }
  const agent = new (isSecure ? HttpsProxyAgent! : HttpProxyAgent!)(proxy, options);
  // The agent of tunnels forgets them.
  Object.assign(agent.options, options);
  return { agent, proxy: proxy.host, hasAuthorities, abandon: abandoning(agent) };
}

/** The variable that counts, as `getProxyForUrl` looks for it. */
function proxyVariable(isSecure: boolean): { name: string; value: string } | undefined {
  for (const small of [isSecure ? 'https_proxy' : 'http_proxy', 'all_proxy']) {
    for (const name of [small, small.toUpperCase()]) {
      const value = process.env[name];
      if (value) return { name, value };
    }
  }
  return undefined;
}

/** An agent hands over a socket only when the proxy has answered: until then a request cannot end it. */
function abandoning(
  agent: Pick<HttpsProxyAgent<string>, 'connect' | 'connectOpts'>,
): (request: http.ClientRequest) => void {
  const waiting = new WeakMap<http.ClientRequest, AbortController>();
  const { connectOpts } = agent;
  const connect = agent.connect.bind(agent);
  agent.connect = async (request, options) => {
    if (request.destroyed) throw new Error('the request is over');
    const ending = new AbortController();
    waiting.set(request, ending);
    // It takes these options before it waits.
    agent.connectOpts = Object.assign({}, connectOpts, { signal: ending.signal });
    return await connect(request, options);
  };
  return (request) => waiting.get(request)?.abort();
}

/** The authorities that go instead of those that Node knows. */
async function authorities(): Promise<string | undefined> {
  const { AWS_CA_BUNDLE } = process.env;
  if (AWS_CA_BUNDLE) return readBundle('AWS_CA_BUNDLE', AWS_CA_BUNDLE);
  const { ca_bundle } = (await readProfile(process.env)).own;
  return ca_bundle ? readBundle('ca_bundle of the profile', ca_bundle) : undefined;
}

/** @param name of the setting that names the file */
function readBundle(name: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new GitStoreError(`${name}: ${file}: ${reasonAndStep(error)}`, 'EINVAL', {
      cause: error,
    });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new GitStoreError(`${name}: ${file} holds no certificate in PEM`, 'EINVAL');
}
