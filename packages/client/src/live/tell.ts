/** Calls all listeners. One that throws keeps the others from nothing, and is reported as any uncaught error is. */
export function tell<Given extends unknown[]>(listeners: Iterable<(...given: Given) => void>, ...given: Given): void {
  for (const listener of [...listeners]) {
    try {
      listener(...given);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
