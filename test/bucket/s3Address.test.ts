/** Addresses of stores on object storage, and what the environment and the user's files add. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseS3Address } from '../../src/storage/bucket/s3/s3Address.ts';
import { credentialSource, settingsOf } from '../../src/storage/bucket/s3/settings.ts';
import { isBucketAddress } from '../../src/storage/places.ts';
import { scratchFolder } from '../helpers/scratch.ts';

describe('an address', () => {
  it.each([
    ['s3://data', { bucket: 'data', prefix: '' }],
    ['s3://data/', { bucket: 'data', prefix: '' }],
    ['S3://data/a/b/', { bucket: 'data', prefix: 'a/b' }],
    ['s3://my.data/a?region=eu-west-1', { bucket: 'my.data', prefix: 'a', region: 'eu-west-1' }],
    ['s3://data/a?path-style', { bucket: 'data', prefix: 'a', pathStyle: true }],
    ['s3://data/a?path-style=false', { bucket: 'data', prefix: 'a', pathStyle: false }],
  ])('%s', (text, expected) => {
    expect(parseS3Address(text)).toMatchObject(expected);
  });

  it('names an endpoint', () => {
    const text = 's3://data/a?endpoint=http://127.0.0.1:9000&region=x&path-style';
    const { endpoint, text: shown } = parseS3Address(text);
    expect(endpoint?.origin).toBe('http://127.0.0.1:9000');
    expect(shown).toBe(text);
    expect(parseS3Address(`${text}/`.replace('&region=x&path-style/', '')).text).toBe(
      's3://data/a?endpoint=http://127.0.0.1:9000',
    );
  });

  it.each([
    ['s3:data/a', 'it begins with s3:// (s3://data/a)'],
    ['s3:/data', 'it begins with s3:// (s3://data)'],
    ['s3:', 'it begins with s3:// (s3://BUCKET/PREFIX)'],
    ['s3://', 'the name of the bucket is missing'],
    ['s3:///a', 'the name of the bucket is missing'],
    ['s3://a_/x', 'is no name of a bucket'],
    ['s3://da ta/x', 'is no name of a bucket'],
    ['s3://127.0.0.1:9000/x', 'is no name of a bucket'],
    ['s3://data/a//b', 'has an empty part'],
    ['s3://data/a/../b', '".." cannot be part of a prefix'],
    ['s3://data/ä', '"ä" cannot be part of a prefix'],
    [`s3://data/${'x'.repeat(251)}`, 'cannot be part of a prefix'],
    [`s3://data/${'x/'.repeat(401)}x`, 'a prefix has at most 800'],
    ['s3://data/a#b', 'a # cannot be part of it'],
    ['s3://data/a?regoin=x', '"regoin" is no setting (endpoint, region and path-style are)'],
    ['s3://data/a?region=', 'is no region'],
    ['s3://data/a?endpoint=127.0.0.1:9000', 'endpoint must be https://HOST or http://HOST:PORT'],
    ['s3://data/a?endpoint=http://h/s3', 'endpoint must end after the host: http://h'],
    ['s3://data/a?path-style=no', 'path-style is true or false'],
  ])('%s is refused', (text, message) => {
    expect(isBucketAddress(text)).toBe(true);
    expect(() => parseS3Address(text)).toThrow(message);
    expect(() => parseS3Address(text)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it.each([
    's3://key:geheim@data/a',
    's3:/key:geheim@data/a',
    's3://data/a?endpoint=http://key:geheim@host',
    's3://data/a?endpoint=key:geheim@host',
  ])('%s: no password is shown', (text) => {
    expect(() => parseS3Address(text)).toThrow(expect.not.stringContaining('geheim'));
  });

  it('is no path', () => {
    for (const path of ['./s3:x', 's3', '/s3://x', 'C:\\s3', 'https://s3/x']) {
      expect(isBucketAddress(path)).toBe(false);
    }
  });
});

describe('settings', () => {
  const kept = { ...process.env };
  let folder: string;
  beforeEach(() => {
    folder = scratchFolder();
    process.env.AWS_CONFIG_FILE = join(folder, 'config');
    process.env.AWS_SHARED_CREDENTIALS_FILE = join(folder, 'credentials');
  });
  afterEach(() => {
    process.env = { ...kept };
  });

  const settings = async (text: string, env: Record<string, string> = {}) => {
    const { origin, region, root } = await settingsOf(parseS3Address(text), env);
    return `${origin.origin}${root} ${region}`;
  };

  it('names the bucket in the host at AWS, in the path elsewhere', async () => {
    expect(await settings('s3://data')).toBe('https://data.s3.us-east-1.amazonaws.com us-east-1');
    expect(await settings('s3://my.data?region=cn-north-1')).toBe(
      'https://s3.cn-north-1.amazonaws.com.cn/my.data cn-north-1',
    );
    expect(await settings('s3://data?path-style')).toContain('amazonaws.com/data us');
    expect(await settings('s3://data?endpoint=https://h')).toBe('https://h/data us-east-1');
    expect(await settings('s3://data?endpoint=https://h&path-style=false')).toBe(
      'https://data.h us-east-1',
    );
  });

  it('takes variables, the address before them', async () => {
    const env = {
      AWS_ENDPOINT_URL: 'http://all',
      AWS_ENDPOINT_URL_S3: 'http://s3:1',
      AWS_REGION: 'r1',
      AWS_DEFAULT_REGION: 'r2',
    };
    expect(await settings('s3://data', env)).toBe('http://s3:1/data r1');
    expect(await settings('s3://data?endpoint=http://own&region=r0', env)).toBe(
      'http://own/data r0',
    );
    const { AWS_ENDPOINT_URL_S3: _, AWS_REGION: __, ...fewer } = env;
    expect(await settings('s3://data', fewer)).toBe('http://all/data r2');
    expect(
      await settings('s3://data', { ...fewer, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }),
    ).toBe('https://data.s3.r2.amazonaws.com r2');
    await expect(settings('s3://data', { AWS_ENDPOINT_URL_S3: 'nowhere' })).rejects.toThrow(
      'AWS_ENDPOINT_URL_S3 must be https://HOST',
    );
  });

  it('takes the profile', async () => {
    writeFileSync(
      join(folder, 'config'),
      [
        '[default]',
        'region = here',
        '[profile other]',
        'region = there',
        'services = mine',
        '[services mine]',
        's3 =',
        '  endpoint_url = http://mine:9000',
      ].join('\n'),
    );
    expect(await settings('s3://data')).toBe('https://data.s3.here.amazonaws.com here');
    expect(await settings('s3://data', { AWS_PROFILE: 'other' })).toBe(
      'http://mine:9000/data there',
    );
  });

  it('takes credentials of variables and profiles', async () => {
    writeFileSync(
      join(folder, 'credentials'),
      '[other]\naws_access_key_id = file-key\naws_secret_access_key = file-secret\n',
    );
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' });
    expect(await credentialSource()()).toMatchObject({ accessKeyId: 'key' });
    process.env.AWS_PROFILE = 'other';
    const found = await credentialSource()();
    expect(found).toMatchObject({ accessKeyId: 'file-key', secretAccessKey: 'file-secret' });
  });

  it('takes credentials of profiles where no request for others could go out', async () => {
    writeFileSync(
      join(folder, 'credentials'),
      '[other]\naws_access_key_id = file-key\naws_secret_access_key = file-secret\n',
    );
    Object.assign(process.env, {
      AWS_PROFILE: 'other',
      AWS_EC2_METADATA_DISABLED: 'true',
      https_proxy: 'socks5h://localhost:1',
    });
    const source = credentialSource();
    for (const renew of [false, true]) {
      expect(await source(renew)).toMatchObject({ accessKeyId: 'file-key' });
    }
    process.env.AWS_PROFILE = 'gone';
    await expect(credentialSource()()).rejects.toThrow('https_proxy must be http://HOST:PORT');
  });

  it('says in one line that there are none', async () => {
    writeFileSync(
      join(folder, 'config'),
      [
        '[profile login]',
        'sso_session = work',
        'sso_account_id = 1',
        'sso_role_name = r',
        '[sso-session work]',
        'sso_region = us-east-1',
        'sso_start_url = https://example.com/start',
        'sso_registration_scopes = sso:account:access',
      ].join('\n'),
    );
    Object.assign(process.env, { AWS_PROFILE: 'gone', AWS_EC2_METADATA_DISABLED: 'true' });
    await expect(credentialSource()()).rejects.toThrow(
      'No credentials for the object storage: profile gone gives none; see ~/.aws/config, or unset AWS_PROFILE',
    );
    delete process.env.AWS_PROFILE;
    await expect(credentialSource()()).rejects.toThrow(
      'No credentials for the object storage: there are none; set AWS_ACCESS_KEY_ID',
    );
    Object.assign(process.env, { AWS_PROFILE: 'login', HOME: folder });
    await expect(credentialSource()()).rejects.toThrow(
      'No credentials: the SSO session has ended; run aws sso login --profile login',
    );
  });
});
