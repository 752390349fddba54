export interface Loop {
  /** Throws the error of the step that has ended the loop. */
  stop(): Promise<void>;
}

export function repeat(step: () => Promise<unknown>): Loop {
  let isStopped = false;
  const ended = (async () => {
    while (!isStopped) await step();
  })();
  // `stop` throws the error; before that, it must not end the process as an unhandled rejection.
  ended.catch(() => undefined);
  return {
    stop() {
      isStopped = true;
      return ended;
    },
  };
}

export interface ClosedLoopResult {
  readonly calls: number;
  readonly perSecond: number;
}

/** A call that returns false is not counted. */
export async function closedLoop(clients: number, ms: number, call: () => Promise<unknown>): Promise<ClosedLoopResult> {
  const startedAt = performance.now();
  let calls = 0;
  const client = async () => {
    while (performance.now() - startedAt < ms) if ((await call()) !== false) calls++;
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { calls, perSecond: (calls / (performance.now() - startedAt)) * 1_000 };
}

/** Does not wait for the calls. */
export async function openLoop(perSecond: number, ms: number, work: (n: number, dueAt: number) => void): Promise<void> {
  const startedAt = performance.now();
  for (let sent = 0; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const elapsed = Math.min(ms, performance.now() - startedAt);
    for (; sent < (elapsed / 1_000) * perSecond; sent += 1) work(sent, startedAt + (sent / perSecond) * 1_000);
    if (elapsed >= ms) return;
  }
}
