/**
 * Calls `make` at most once at a time and not again within `maxAgeMs`: everybody who asks meanwhile gets the same result.
 * A failure is shared in the same way.
 */
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
