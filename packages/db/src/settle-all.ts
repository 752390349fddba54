/** Waits for all promises, then throws the first error: no rejection stays unhandled, and no statement is still on the wire. */
export async function settleAll<T>(promises: readonly (T | Promise<T>)[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value as T;
  });
}
