/**
 * Where the requests of a store go and who signs them: the address first, then the variables that every
 * S3 program reads (`AWS_ENDPOINT_URL_S3`, `AWS_REGION`, …), then the profile in the user's files.
 * Credentials come from the libraries of AWS, which know profiles, SSO, web identity, processes and
 * the roles of instances and containers.
 */
import type https from 'node:https';
import { RemoteError } from '../../../errors.ts';
import { type Environment, type Profile, readProfile } from './profile.ts';
import { routeTo } from './route.ts';
import { checkedRegion, parseEndpoint, type S3Address } from './s3Address.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Gives the credentials, kept until they expire. @param renew asks for new ones where they can be had */
export type CredentialSource = (renew?: boolean) => Promise<Credentials>;

export interface S3Settings {
  /** Scheme, host and port. */
  readonly origin: URL;
  readonly region: string;
  /** What comes before the prefix in the path of a URL: empty, or `/BUCKET`. */
  readonly root: string;
}

/** Where nothing names a region. An engine that is elsewhere answers with the name of its own. */
const DEFAULT_REGION = 'us-east-1';

/** @throws GitStoreError (`EINVAL`) for a variable or a line of the profile that makes no sense */
export async function settingsOf(
  address: S3Address,
  env: Environment = process.env,
): Promise<S3Settings> {
  let kept: Profile | undefined;
  const profile = async () => {
    kept ??= await readProfile(env);
    return kept;
  };
  const region =
    address.region ??
    checked(env.AWS_REGION || env.AWS_DEFAULT_REGION || (await profile()).own.region);
  const endpoint = address.endpoint ?? (await configuredEndpoint(env, profile));
  const { bucket } = address;
  const inPath = address.pathStyle ?? (endpoint !== undefined || !canBeHost(bucket));
  const origin = endpoint ?? new URL(`https://s3.${region}.${domainOf(region)}`);
  if (inPath) return { origin, region, root: `/${bucket}` };
  const host = new URL(origin);
  host.hostname = `${bucket}.${origin.hostname}`;
  return { origin: host, region, root: '' };
}

function checked(region: string | undefined): string {
  return region === undefined || region === '' ? DEFAULT_REGION : checkedRegion(region);
}

async function configuredEndpoint(
  env: Environment,
  profile: () => Promise<Profile>,
): Promise<URL | undefined> {
  if (env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === 'true') return undefined;
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
    const value = env[name];
    if (value) return parseEndpoint(value, name);
  }
  const { own, services } = await profile();
  const value = services['s3.endpoint_url'] || own.endpoint_url;
  return value ? parseEndpoint(value, 'endpoint_url of the profile') : undefined;
}

/** A certificate for `*.s3.…` covers no name with dots. */
function canBeHost(bucket: string): boolean {
  return /^[a-z0-9-]+$/.test(bucket);
}

function domainOf(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}

/** @returns reads variables at each call, and loads what it needs when it is called first */
export function credentialSource(): CredentialSource {
  let chain: ((options?: { forceRefresh?: boolean }) => Promise<Credentials>) | undefined;
  let failedRoute: unknown;
  return async (renew = false) => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE } =
      process.env;
    // What the chain would give back too, a tenth of a second later.
    if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY && !AWS_PROFILE) {
      return {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        sessionToken: AWS_SESSION_TOKEN,
      };
    }
    try {
      if (chain === undefined) {
        const { defaultProvider } = await import('./awsCredentials.ts');
        // Its warnings would go past the program's own output.
        const logger = { debug() {}, info() {}, warn() {}, error() {} };
        // Sessions of SSO and roles are asked for on the same ways as objects.
        const agent = await routeTo(new URL('https://sts.amazonaws.com')).then(
          (route) => route.agent as https.Agent,
          // Keys in a profile need no requests.
          (error: unknown) => {
            failedRoute = error;
            return undefined;
          },
        );
        const clientConfig = agent && { requestHandler: { httpsAgent: agent } };
        chain = defaultProvider({ logger, ...(clientConfig && { clientConfig }) });
      }
      return await chain({ forceRefresh: renew });
    } catch (error) {
      throw failedRoute ?? withoutCredentials(error, AWS_PROFILE);
    }
  };
}

/** The library's own words may quote a profile, or what a program has printed: they stay in `cause`. */
function withoutCredentials(cause: unknown, profile: string | undefined): RemoteError {
  const { name, message } = cause as Error;
  if (/\bsso\b/i.test(message) || name === 'TokenProviderError') {
    const login = `aws sso login${profile ? ` --profile ${profile}` : ''}`;
    return new RemoteError(`No credentials: the SSO session has ended; run ${login}`, { cause });
  }
  const where = profile ? `profile ${profile} gives none` : 'there are none';
  const hint = profile
    ? 'see ~/.aws/config, or unset AWS_PROFILE'
    : 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws configure';
  return new RemoteError(`No credentials for the object storage: ${where}; ${hint}`, { cause });
}
