export function bundle(outdir: string): Promise<void>;
/** What stands for `GITSTORE_CODECS` and `GITSTORE_DEFLATE` in the sources, as JSON. */
export function assembled(): Promise<Record<'GITSTORE_CODECS' | 'GITSTORE_DEFLATE', string>>;
