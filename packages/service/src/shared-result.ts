/** Concurrent callers, and later ones within `maxAgeMs`, share the result or the failure. */
export function sharedResult<T>(make: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let result: Promise<T> | undefined;
  let making = false;
  let freshUntil = 0;
  return () => {
    if (result && (making || performance.now() < freshUntil)) return result;
    making = true;
    result = make().finally(() => {
      making = false;
      freshUntil = performance.now() + maxAgeMs;
    });
    return result;
  };
}
