/**
 * Decoded bytes that may be in memory at a time, over all threads. An item asks before its pixels are decoded, so
 * what the native code allocates stays below the limit, whatever arrives.
 */
export interface Admission {
  /**
   * Waits in order of arrival until `bytes` fit, and returns what gives them back (once; later calls do nothing).
   * `bytes` is at most the limit; the caller refuses larger ones. Rejects with the signal's reason.
   */
  admit(bytes: number, signal: AbortSignal): Promise<() => void>;
  admittedBytes(): number;
  waiting(): number;
  readonly limitBytes: number;
}

interface Waiter {
  bytes: number;
  enter: () => void;
}

/** No limit on the waiters of its own: they are the chunks in flight, which the runner bounds. */
export function createAdmission(limitBytes: number): Admission {
  let admitted = 0;
  const queue: Waiter[] = [];

  function giveBack(bytes: number): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      admitted -= bytes;
      letIn();
    };
  }

  /** Strictly in order: a large image is never starved by small ones behind it. */
  function letIn(): void {
    for (let first = queue[0]; first && admitted + first.bytes <= limitBytes; first = queue[0]) {
      queue.shift();
      admitted += first.bytes;
      first.enter();
    }
  }

  return {
    admit: (bytes, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          queue.splice(queue.indexOf(waiter), 1);
          reject(signal.reason);
          letIn();
        };
        const waiter: Waiter = {
          bytes,
          enter: () => {
            signal.removeEventListener('abort', onAbort);
            resolve(giveBack(bytes));
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        queue.push(waiter);
        letIn();
      }),
    admittedBytes: () => admitted,
    waiting: () => queue.length,
    limitBytes,
  };
}
