/** Whether WebAssembly has aborted (`WebAssembly.RuntimeError`): its memory is undefined from then on. */
export const isWasmAbort = (error: unknown): boolean => error instanceof Error && error.name === 'RuntimeError';
