/** Assembles a module in the text format of WebAssembly. */
export function assemble(text: string): Buffer;
