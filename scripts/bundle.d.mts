export function bundle(outdir: string): Promise<void>;
/** What stands in the sources for modules of WebAssembly, by its name, as JSON. */
export function assembled(): Promise<Record<string, string>>;
