/** The process that makes the load, as its parent sees it. */
import { join } from 'node:path';
import { errors } from '../../errors.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import type { LoadOrder, LoadResult } from './messages.ts';

/** An order may overrun by its slowest answer (10 s in load.ts), and no more. */
const OVERRUN_MS = 20_000;

export interface Load {
  /** One order at a time. @throws BENCH_LOAD_ENDED */
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<void>;
}

export function startLoad(): Load {
  const child = forkModule(join(import.meta.dirname, 'load-process.js'), {});
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        const end = () => {
          clearTimeout(timer);
          child.off('message', onMessage).off('exit', onExit);
        };
        const fail = (reason: string) => {
          end();
          reject(errors.LOAD_ENDED({ reason }));
        };
        const onMessage = (message: unknown) => {
          end();
          resolve(message as LoadResult);
        };
        const onExit = (code: number | null) => fail(`it ended with code ${code}`);
        const timer = setTimeout(() => fail('it took too long'), order.durationMs + OVERRUN_MS);
        child.on('message', onMessage).on('exit', onExit);
        child.send(order, (error) => error && fail(error.message));
      }),
    stop: () => stopChild(child),
  };
}
