/** Answers that no repetition mends, as errors of one line: what is wrong, and where to look. */
import { RemoteError } from '../../../errors.ts';
import type { S3Answer } from './connection.ts';
import { type Element, parseXml, textOf } from './xml.ts';

/** What an engine says about a request it has not done. */
export interface Fault {
  /** S3's name for it, or empty. */
  readonly code: string;
  readonly details: Element;
}

const NO_FAULT: Fault = { code: '', details: {} };

/** @returns empty fields where the body holds no S3 error: answers to HEAD have no body */
export async function faultOf({ body }: S3Answer): Promise<Fault> {
  const document = body.length === 0 ? undefined : await parseXml(body);
  if (document?.root !== 'Error') return NO_FAULT;
  const { content } = document;
  const code = textOf(content, 'Code');
  return { code: /^[A-Za-z0-9._]{1,60}$/.test(code) ? code : '', details: content };
}

/** Credentials that were good until now: new ones may be had. */
export function isExpired({ code }: Fault): boolean {
  return (
    code === 'ExpiredToken' || code === 'ExpiredTokenException' || code === 'TokenRefreshRequired'
  );
}

export interface RefusedRequest {
  readonly bucket: string;
  /** Address of the store, for the message. */
  readonly location: string;
  /** Region that the request was signed for. */
  readonly region: string;
  /** Whether it would have changed something. */
  readonly writes: boolean;
}

/** @param answer with a status of 300 or more that is neither absent, conflict nor busy */
export function refusal(answer: S3Answer, fault: Fault, request: RefusedRequest): RemoteError {
  return new RemoteError(`${request.location}: ${reason(answer, fault, request)}`);
}

function reason(answer: S3Answer, fault: Fault, request: RefusedRequest): string {
  const { status, headers } = answer;
  const { code, details } = fault;
  const { bucket, region, writes } = request;
  const other = regionOf(headers['x-amz-bucket-region']) ?? regionOf(textOf(details, 'Region'));
  switch (status === 501 ? 'NotImplemented' : code) {
    case 'NoSuchBucket':
      return `there is no bucket ${bucket}; make it with the tools of the object storage, or look at endpoint and region`;
    case 'InvalidAccessKeyId':
    case 'XAdminUserNotFound':
      return 'the access key is not known there; look at AWS_ACCESS_KEY_ID, AWS_PROFILE and the endpoint';
    case 'SignatureDoesNotMatch':
      return 'the secret key does not fit the access key; look at AWS_SECRET_ACCESS_KEY and AWS_PROFILE';
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
      return 'the credentials have expired; get new ones (aws sso login, or the variables AWS_*)';
    case 'InvalidToken':
      return 'the session token is not valid; look at AWS_SESSION_TOKEN';
    case 'RequestTimeTooSkewed':
      return `the clock of this machine ${skew(headers.date)}; set it`;
    case 'NotImplemented':
      return 'the engine does not know conditional writes, without which a store there is not safe; use another one';
    case 'QuotaExceeded':
    case 'InsufficientStorage':
    case 'XMinioStorageFull':
      return 'there is no room left; make room there and repeat';
    case 'AllAccessDisabled':
    case 'AccountProblem':
    case 'InvalidObjectState':
      return `refused (${code}); look at the account and the storage class there`;
  }
  if (status === 507) return 'there is no room left; make room there and repeat';
  if (
    other !== undefined &&
    other !== region &&
    (status < 400 || /Region|Malformed|Constraint/.test(code))
  ) {
    return `the bucket is in the region ${other}, not ${region}; set AWS_REGION=${other} or ?region=${other}`;
  }
  if (status >= 300 && status < 400) {
    return 'the bucket has another endpoint; look at endpoint and region';
  }
  if (status === 401 || status === 403) {
    const needed = writes ? 's3:PutObject and s3:DeleteObject' : 's3:GetObject and s3:ListBucket';
    return `refused; the credentials need ${needed} for ${bucket}${code && code !== 'AccessDenied' ? ` (${code})` : ''}`;
  }
  const words = code === '' ? `status ${status}` : `status ${status}, ${code}`;
  return `the object storage answers with ${words}; look at the endpoint`;
}

function regionOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(value) ? value : undefined;
}

function skew(date: string | undefined): string {
  const there = Date.parse(date ?? '');
  if (Number.isNaN(there)) return 'differs too much from that of the object storage';
  const minutes = Math.round((Date.now() - there) / 60_000);
  const hours = Math.round(minutes / 60);
  const size =
    Math.abs(minutes) < 120 ? `${Math.abs(minutes)} minutes` : `${Math.abs(hours)} hours`;
  return `is ${size} ${minutes > 0 ? 'ahead of' : 'behind'} that of the object storage`;
}
