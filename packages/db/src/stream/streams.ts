import type { Row } from '../types.ts';
import { rowsInBatches } from './batches.ts';
import { copyOut } from './copy-out.ts';
import { keysetPages, type Read } from './keyset-pages.ts';
import { StreamMeter } from './stream-meter.ts';
import type { StreamRouting } from './stream-routing.ts';
import type { BatchRequest, PagesRequest, StreamSource, Streams } from './types.ts';

export function openStreams(routing: StreamRouting & { read: Read }): Streams {
  const meter = new StreamMeter();
  return {
    copyOut: (request) => copyOut(routing, meter, request),
    rowsInBatches: <R extends Row>(request: BatchRequest) => rowsInBatches<R>(routing, meter, request),
    async fold<A, R extends Row>(request: BatchRequest, initial: A, step: (state: A, row: R) => A) {
      let value = initial;
      let from: StreamSource | undefined;
      for await (const { rows, ...source } of rowsInBatches<R>(routing, meter, request)) {
        from = source;
        for (const row of rows) value = step(value, row);
      }
      return { value, ...(from as StreamSource) };
    },
    keysetPages: <R extends Row>(request: PagesRequest) => keysetPages<R>(routing.read, request),
    stats: () => meter.stats(),
  };
}
