export const CREDENTIALS: { readonly accessKeyId: string; readonly secretAccessKey: string };
export const REGION: string;

export type EngineName = 'versitygw' | 'ceph';

export interface Engine {
  readonly name: EngineName;
  readonly endpoint: string;
  readonly bucket: string;
  /** For a process that uses it. */
  readonly env: Readonly<Record<string, string>>;
  makeBucket(bucket: string): Promise<void>;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Why an engine cannot be started here; undefined when it can. */
export function missing(name: EngineName): string | undefined;
export function install(name: EngineName): Promise<void>;
export function start(name: EngineName, folder: string): Promise<Engine>;
