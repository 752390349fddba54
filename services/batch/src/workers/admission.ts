/** An item asks before its pixels are decoded, so native allocations stay below the limit. */
export interface Admission {
  /** Waits in order of arrival. `bytes` is at most the limit; the caller refuses more. Later releases do nothing. */
  admit(bytes: number, signal: AbortSignal): Promise<() => void>;
  /** Does not wait: undefined when there is no room, or others wait. */
  tryAdmit(bytes: number): (() => void) | undefined;
  admittedBytes(): number;
  waiting(): number;
  readonly limitBytes: number;
}

interface Waiter {
  bytes: number;
  enter: () => void;
}

/** The number of waiters needs no limit here, because the runner bounds the chunks in flight. */
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

  /** Admits strictly in order, so that small images never starve a large one. */
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
    tryAdmit(bytes) {
      if (queue.length > 0 || admitted + bytes > limitBytes) return undefined;
      admitted += bytes;
      return giveBack(bytes);
    },
    admittedBytes: () => admitted,
    waiting: () => queue.length,
    limitBytes,
  };
}
