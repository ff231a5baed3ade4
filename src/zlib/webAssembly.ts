/** The used part of WebAssembly's JavaScript interface, which Node's types lack. */
export interface WebAssemblyInterface {
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports?: { readonly '': Exports },
  ) => { readonly exports: Exports };
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export interface WasmGlobal {
  value: number;
}

type Exports = Readonly<Record<string, unknown>>;

const PAGE = 64 << 10;

/** @returns undefined without WebAssembly, or without a feature that the code uses */
export function compileModule(base64: string): object | undefined {
  try {
    return new (webAssembly().Module)(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}

/**
 * The exports of an instance of the module.
 * @param imports its imports, all under the module name ''
 * @throws Error when `compileModule` returns undefined, or there is no address space for its memory
 */
export function moduleExports(base64: string, imports: Exports = {}): Exports {
  return new (webAssembly().Instance)(compileModule(base64)!, { '': imports }).exports;
}

/** @throws Error without WebAssembly, or without address space for that many bytes */
export function moduleMemory(bytes: number): WasmMemory {
  return new (webAssembly().Memory)({ initial: Math.ceil(bytes / PAGE) });
}

function webAssembly(): WebAssemblyInterface {
  return (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;
}
