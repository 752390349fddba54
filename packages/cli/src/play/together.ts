/** Work of many at once. */

/** Runs `work` for each value, at most `width` at a time. A failure ends it once what has begun has ended. */
export async function together<V, R>(
  values: readonly V[],
  width: number,
  work: (value: V, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < values.length; index = next++) {
      results[index] = await work(values[index] as V, index);
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(width, values.length) }, worker));
  const failed = settled.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
  return results;
}

/** Returns whether the condition came true in time. */
export async function within(limitMs: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return true;
}
