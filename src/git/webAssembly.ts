/** What is used of WebAssembly (its JavaScript interface), which Node's own types leave out. */
export interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

/** @returns undefined where there is no WebAssembly, or none that knows all that the code uses */
export function compileModule(base64: string): object | undefined {
  try {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyInterface };
    return new WebAssembly.Module(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}
