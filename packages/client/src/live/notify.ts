/** Calls all listeners. An error of one is rethrown as an uncaught error, after the others were called. */
export function notify<Given extends unknown[]>(listeners: Iterable<(...given: Given) => void>, ...given: Given): void {
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
