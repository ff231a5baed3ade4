/**
 * The address of a store on object storage: `s3://BUCKET/PREFIX`, and after a `?` what the environment
 * does not say: `endpoint=URL`, `region=NAME`, `path-style`. Credentials are no part of it.
 */
import { GitStoreError } from '../../../errors.ts';

export interface S3Address {
  readonly bucket: string;
  /** Without slashes around it; empty for the whole bucket. */
  readonly prefix: string;
  readonly endpoint?: URL | undefined;
  readonly region?: string | undefined;
  /** Whether the bucket is named in the path, not in the host; undefined: as the endpoint asks for. */
  readonly pathStyle?: boolean | undefined;
  /** The address as messages show it. */
  readonly text: string;
}

/** @throws GitStoreError (`EINVAL`) with what is wrong; it shows no part that may be a password */
export function parseS3Address(text: string): S3Address {
  const found = /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/is.exec(text);
  if (found === null) {
    const rest = text.replace(/^s3:\/*/i, '').replace(/[?#].*$/s, '');
    const hint = rest === '' || rest.includes('@') ? 's3://BUCKET/PREFIX' : `s3://${rest}`;
    throw invalid(`it begins with s3:// (${hint})`);
  }
  const [, authority = '', path = '', query = '', fragment] = found;
  if (authority.includes('@')) {
    throw invalid('credentials do not belong in it; set AWS_PROFILE or AWS_ACCESS_KEY_ID');
  }
  if (fragment !== undefined) throw invalid('a # cannot be part of it');
  const bucket = checkedBucket(authority);
  const prefix = checkedPrefix(path);
  const settings = parseSettings(query);
  return { bucket, prefix, ...settings, text: addressText(bucket, prefix, settings) };
}

function checkedBucket(bucket: string): string {
  if (bucket === '') throw invalid('the name of the bucket is missing (s3://BUCKET/PREFIX)');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket) || bucket.includes('..')) {
    throw invalid(
      `${shown(bucket)} is no name of a bucket (3 letters or more: a to z, digits, . and -)`,
    );
  }
  return bucket;
}

/** Longest prefix that leaves room for the keys of a store: all engines take keys of 1,024 bytes. */
const LONGEST_PREFIX = 800;
const LONGEST_SEGMENT = 250;

function checkedPrefix(path: string): string {
  const prefix = path.replace(/\/$/, '');
  if (prefix === '') return '';
  const bad = prefix
    .split('/')
    .find(
      (segment) =>
        !/^[A-Za-z0-9._-]+$/.test(segment) ||
        segment === '.' ||
        segment === '..' ||
        segment.length > LONGEST_SEGMENT,
    );
  if (bad === '') throw invalid(`the prefix ${shown(prefix)} has an empty part`);
  if (bad !== undefined) {
    throw invalid(
      `${shown(bad)} cannot be part of a prefix (letters, digits, . _ and -, at most ${LONGEST_SEGMENT})`,
    );
  }
  if (prefix.length > LONGEST_PREFIX) {
    throw invalid(`a prefix has at most ${LONGEST_PREFIX} characters`);
  }
  return prefix;
}

type Settings = Pick<S3Address, 'endpoint' | 'region' | 'pathStyle'>;

function parseSettings(query: string): Settings {
  let settings: Settings = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'endpoint') settings = { ...settings, endpoint: parseEndpoint(value, 'endpoint') };
    else if (name === 'region') settings = { ...settings, region: checkedRegion(value) };
    else if (name === 'path-style') settings = { ...settings, pathStyle: parseSwitch(value) };
    else throw invalid(`${shown(name)} is no setting (endpoint, region and path-style are)`);
  }
  return settings;
}

/**
 * @param source what the value was given as, for the message
 * @throws GitStoreError (`EINVAL`)
 */
export function parseEndpoint(value: string, source: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw invalid(`credentials do not belong in ${source}; set AWS_PROFILE or AWS_ACCESS_KEY_ID`);
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const hint = 'https://HOST or http://HOST:PORT';
    throw invalid(`${source} must be ${hint}${value.includes('@') ? '' : `, not ${shown(value)}`}`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw invalid(`${source} must end after the host: ${url.origin}`);
  }
  return url;
}

/** @throws GitStoreError (`EINVAL`) */
export function checkedRegion(value: string): string {
  if (/^[A-Za-z0-9-]{1,64}$/.test(value)) return value;
  throw invalid(`${shown(value)} is no region`);
}

function parseSwitch(value: string): boolean {
  if (value === '' || value === 'true') return true;
  if (value === 'false') return false;
  throw invalid(`path-style is true or false, not ${shown(value)}`);
}

function addressText(bucket: string, prefix: string, settings: Settings): string {
  const { endpoint, region, pathStyle } = settings;
  const parts = [
    endpoint && `endpoint=${endpoint.origin}`,
    region !== undefined && `region=${region}`,
    pathStyle !== undefined && (pathStyle ? 'path-style' : 'path-style=false'),
  ].filter(Boolean);
  const query = parts.length === 0 ? '' : `?${parts.join('&')}`;
  return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}${query}`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function invalid(why: string): GitStoreError {
  return new GitStoreError(`Not the address of a store on object storage: ${why}`, 'EINVAL');
}
