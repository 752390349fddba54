import { join } from 'node:path';
import { request } from '../../processes/request-reply.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import type { LoadOrder, LoadResult } from './messages.ts';

/** An order may exceed its duration by its slowest response, 10 s at most. */
const OVERRUN_MS = 20_000;

export interface Load {
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<void>;
}

export function startLoad(): Load {
  const child = forkModule(join(import.meta.dirname, 'load-process.js'));
  return {
    run: (order) => request(child, order, order.durationMs + OVERRUN_MS),
    stop: () => stopChild(child),
  };
}
