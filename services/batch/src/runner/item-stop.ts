/** Ends an item on 'main' at its time limit, or when its chunk is stopped, also one that ignores its signal. */
import { errors } from '../errors.ts';
import type { Outcome } from '../workers/protocol.ts';

export interface ItemStop {
  /** A signal is made when an item asks for it, because it costs more than a small item. */
  signal(): AbortSignal;
  now(reason: unknown): void;
  /** Rejects with the reason of the stop. */
  race(outcome: Promise<Outcome>, signal: AbortSignal, item: { name: string; ms: number }): Promise<Outcome>;
}

export function createItemStop(): ItemStop {
  let controller: AbortController | undefined;
  let stopped: { reason: unknown } | undefined;
  let onStop: ((reason: unknown) => void) | undefined;

  const now = (reason: unknown) => {
    stopped ??= { reason };
    controller?.abort(reason);
    onStop?.(reason);
  };

  return {
    signal() {
      controller ??= new AbortController();
      if (stopped) controller.abort(stopped.reason);
      return controller.signal;
    },
    now,
    async race(outcome, signal, item) {
      const stopping = new Promise<never>((_resolve, reject) => {
        onStop = reject;
      });
      const onAbort = () => now(signal.reason);
      // AbortSignal.timeout() would keep a timer for each short item until its time limit.
      const timer = setTimeout(() => now(errors.ITEM_TIMEOUT(item)), item.ms);
      signal.addEventListener('abort', onAbort);
      try {
        return await Promise.race([outcome, stopping]);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
