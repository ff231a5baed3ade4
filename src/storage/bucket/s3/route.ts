/**
 * How requests get to an engine: kept-alive connections, through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and
 * `NO_PROXY` name, with the certificates of `AWS_CA_BUNDLE`.
 */
import http from 'node:http';
import https from 'node:https';
import { GitStoreError } from '../../../errors.ts';
import { reasonAndStep } from '../../../systemFaults.ts';
import { readFileSync } from '../../disk/fs.ts';

export interface Route {
  readonly agent: http.Agent;
  /** Host and port of the proxy, without credentials; undefined: there is none. */
  readonly proxy?: string | undefined;
  /** Whether authorities of certificates are named that go instead of those that Node knows. */
  readonly hasAuthorities: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An engine may close a connection that rests, just when the next request goes out on it. In ms. */
const LONGEST_REST = 4000;
const OPTIONS = { keepAlive: true, timeout: LONGEST_REST, scheduling: 'lifo' } as const;

/** @throws GitStoreError (`EINVAL`) when a variable makes no sense */
export async function routeTo(origin: URL, env: Environment = process.env): Promise<Route> {
  const isSecure = origin.protocol === 'https:';
  const ca = isSecure && env.AWS_CA_BUNDLE ? readBundle(env.AWS_CA_BUNDLE) : undefined;
  const options = { ...OPTIONS, ...(ca !== undefined && { ca }) };
  const hasAuthorities = ca !== undefined;
  const direct = () => {
    return { agent: new (isSecure ? https : http).Agent(options), hasAuthorities };
  };
  if (!namesProxy(env)) return direct();
  const { getProxyForUrl, HttpProxyAgent, HttpsProxyAgent } = await import('./proxyAgents.ts');
  const text = getProxyForUrl(origin.href);
  if (text === '') return direct();
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol) || proxy.hostname === '') {
    throw new GitStoreError(
      `${isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY'} must be http://HOST:PORT or https://HOST:PORT`,
      'EINVAL',
    );
  }
  const agent = new (isSecure ? HttpsProxyAgent : HttpProxyAgent)(proxy, options);
  // The agent of tunnels forgets them.
  Object.assign(agent.options, options);
  return { agent, proxy: proxy.host, hasAuthorities };
}

function namesProxy(env: Environment): boolean {
  return ['http_proxy', 'https_proxy', 'all_proxy'].some(
    (name) => env[name] || env[name.toUpperCase()],
  );
}

function readBundle(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new GitStoreError(`AWS_CA_BUNDLE: ${file}: ${reasonAndStep(error)}`, 'EINVAL', {
      cause: error,
    });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new GitStoreError(`AWS_CA_BUNDLE: ${file} holds no certificate in PEM`, 'EINVAL');
}
