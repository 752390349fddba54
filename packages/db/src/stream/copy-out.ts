import { TidemarkError } from '@tidemark/contracts';
import { CopyReadable } from './copy-body.ts';
import { copyStatement } from './copy-statement.ts';
import type { StreamMeter } from './stream-meter.ts';
import { type StreamRouting, startStream } from './stream-routing.ts';
import type { CopyRequest, CopyResult } from './types.ts';

export async function copyOut(routing: StreamRouting, meter: StreamMeter, request: CopyRequest): Promise<CopyResult> {
  // Everything that can fail on our side must fail before a connection is taken.
  const text = copyStatement(request.statement, request);
  return await startStream(routing, request, async (stream, from) => {
    const began = performance.now();
    const { pool } = stream;
    const stats = pool.statements.of(request.statement.text);
    const body = new CopyReadable(stream, request, from, meter);
    body.once('close', () => {
      const at = performance.now();
      const ms = at - began;
      const { holder } = request;
      // A reader that leaves is no error of the statement.
      const failed = body.errored instanceof TidemarkError && !READERS_DOING.has(body.errored.code);
      if (failed) stats.recordError(0, ms, holder);
      else stats.record({ where: 'alone', waitMs: 0, ms, rows: body.rows, at, holder });
    });
    await body.start(text);
    return { body, ...from };
  });
}

const READERS_DOING = new Set(['DB_STREAM_ABORTED', 'DB_STREAM_STALLED']);
