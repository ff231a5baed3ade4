export function bundle(outdir: string): Promise<void>;
/** What stands for `GITSTORE_CODECS` in the sources, as JSON. */
export function codecs(): string;
