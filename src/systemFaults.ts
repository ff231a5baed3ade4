/**
 * What the system says when a call fails, in words for a person and with what to do next. Node writes
 * `ENOSPC: no space left on device, write` or `connect ECONNREFUSED 127.0.0.1:9`; no message of ours
 * repeats that.
 */
import { getSystemErrorMap } from 'node:util';
import {
  FileNotFoundError,
  GitStoreError,
  IsADirectoryError,
  NotADirectoryError,
  TooDeepError,
} from './errors.ts';
import type { System } from './platform.ts';

/** What to do about a failure of the local system. */
const STEPS: Readonly<Record<string, string>> = {
  EACCES: 'check who may read and write it',
  EAGAIN: 'try again',
  EBUSY: 'another program uses it: try again when that has ended',
  EDQUOT: 'free some space there, then try again',
  EFBIG: 'the file system takes no file of that size: use another one',
  EILSEQ: 'this program cannot name it: use Node or Bun, or rename it',
  EIO: 'the disk fails: look at the log of the system, and at the store with gitstore verify',
  ELOOP: 'remove the link that leads in a circle',
  EMFILE: 'raise the limit of open files (ulimit -n), then try again',
  ENAMETOOLONG: 'use a shorter name',
  ENFILE: 'close other programs, then try again',
  ENOMEM: 'free some memory, then try again',
  ENOSPC: 'free some space there, then try again',
  ENOTDIR: 'a file is where a folder is needed: check the path',
  EPERM: 'check who may read and write it',
  EROFS: 'mount the file system for writing, or use another place',
  ESTALE: 'mount the network file system again, then try again',
  ETXTBSY: 'another program runs it: try again when that has ended',
};

/** Failures of a connection: what they mean and what to do. */
const OF_NETWORK: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'no way leads there; check the network',
  EAI_AGAIN: 'its name cannot be looked up now; check the network, then try again',
  ECONNABORTED: 'the connection was broken off; try again',
  ECONNREFUSED: 'connection refused; check that the server runs, and its port',
  ECONNRESET: 'the other side broke the connection off; try again',
  EHOSTUNREACH: 'no way leads there; check the network',
  ENETUNREACH: 'no way leads there; check the network',
  ENOTFOUND: 'there is no such host; check its name, and the network',
  EPIPE: 'the other side broke the connection off; try again',
  EPROTO: 'it does not speak TLS; check the port, or use http://',
  ETIMEDOUT: 'no answer; check the network, then try again',
  CERT_HAS_EXPIRED: 'its certificate has expired; the operator of the server must renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check the clock of this machine',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host; check the name in the URL',
};

/** Certificates whose issuer is not known here. */
const NOT_TRUSTED =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_UNTRUSTED)$/;

/** The code of the system (`ENOENT`), or of Node, where the error has one. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Whether it is a system error with one of these codes. */
export function isErrorOf(error: unknown, ...codes: string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
}

/** Whether it comes from a call of the system, and no class of ours has been made of it. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || error instanceof GitStoreError) return false;
  return 'syscall' in error && typeof error.syscall === 'string';
}

/** Why something failed, in a few words and without the path: `permission denied`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TooDeepError) return error.reason;
  if (error instanceof GitStoreError) {
    const { path, cause, message } = error;
    const lead = `${path}: `;
    if (path === undefined || !message.startsWith(lead)) return message;
    return isSystemError(cause) ? reasonOf(cause) : message.slice(lead.length);
  }
  const { errno, code, message } = error as NodeJS.ErrnoException;
  if (code === 'EISDIR') return 'it is a directory';
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  // An error that comes from elsewhere may have the form and no number.
  return (
    known ??
    /^E[A-Z0-9]+: (.*?)(?:, [a-z]+(?: '.*)?)?$/s.exec(message)?.[1] ??
    (message || code || error.name)
  );
}

function stepOf(error: unknown, system: System): string | undefined {
  const code = errorCode(error) ?? '';
  if (
    system === 'win32' &&
    code === 'EPERM' &&
    (error as NodeJS.ErrnoException).syscall === 'symlink'
  ) {
    return 'Windows makes links for administrators only: turn on its Developer Mode';
  }
  return STEPS[code];
}

/** The reason, and what to do next where that is known. */
export function reasonAndStep(error: unknown, system: System = process.platform): string {
  const step = stepOf(error, system);
  return step === undefined ? reasonOf(error) : `${reasonOf(error)}; ${step}`;
}

/** Why there is no connection, and what to do next. */
export function connectionReason(error: unknown): string {
  const code = errorCode(error) ?? '';
  const known = OF_NETWORK[code];
  if (known !== undefined) return known;
  if (NOT_TRUSTED.test(code)) {
    return 'its certificate is not trusted here; name the file of its issuer in NODE_EXTRA_CA_CERTS';
  }
  if (code.startsWith('ERR_SSL')) return OF_NETWORK.EPROTO!;
  if (code.startsWith('HPE_')) return 'its answer is no HTTP; check the port';
  return reasonAndStep(error);
}

/**
 * A failure of the system inside a storage as one of our errors. That a file of it is missing is no
 * `FileNotFoundError`: no path in a snapshot is meant. Any other error stays as it is.
 * @param whenGone what to say of a file that is missing
 */
export function typedFault(
  error: unknown,
  path: string,
  whenGone = 'something has removed a part of the store',
): unknown {
  if (!isSystemError(error)) return error;
  // A descriptor's path is no news to anybody.
  const named = error.path?.startsWith('/proc/self/fd/') ? undefined : error.path;
  const step = error.code === 'ENOENT' ? `; ${whenGone}` : '';
  const shown = named ?? path;
  return new GitStoreError(`${shown}: ${reasonAndStep(error)}${step}`, error.code, {
    path: shown,
    cause: error,
  });
}

/** The error as one of ours, about a local path. Errors that are ours already stay as they are. */
export function localError(error: unknown, path: string): GitStoreError {
  if (error instanceof GitStoreError) return error;
  const message = `${path}: ${reasonAndStep(error)}`;
  const details = { path, cause: error };
  const code = errorCode(error);
  if (code === 'ENOENT') return new FileNotFoundError(message, details);
  if (code === 'EISDIR') return new IsADirectoryError(message, details);
  if (code === 'ENOTDIR') return new NotADirectoryError(message, details);
  return new GitStoreError(message, code, details);
}
