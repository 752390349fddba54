/** The drawing of one report on a thread of its own, so that the event loop is free. Rows wait while the store is slower than it. */
import { once } from 'node:events';
import path from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { errors } from '../errors.ts';
import type { DrawnReport, FromDrawing, ToDrawing } from './messages.ts';
import type { ReportSpec } from './report-spec.ts';

export interface Drawing {
  /** The bytes of the PDF. */
  content: Readable;
  /** Resolves when the message is drawn and the bytes so far are on their way. */
  draw(message: ToDrawing): Promise<void>;
  /** Resolves after the last message. */
  done: Promise<DrawnReport>;
  /** Ends the thread; `content` fails unless it has ended. */
  close(reason?: Error): Promise<void>;
}

const FILE = new URL(`./drawing/drawing-thread${path.extname(import.meta.url)}`, import.meta.url);
/** The fonts take 30 MB, and a page of text some 100 KB until it is written. */
const MAX_HEAP_MB = 256;

export function startDrawing({ title, page, landscape }: ReportSpec, signal: AbortSignal): Drawing {
  const thread = new Worker(FILE, {
    workerData: { title, page, landscape },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  const content = new PassThrough({ highWaterMark: 1024 * 1024 });
  let drawn: (() => void) | undefined;
  let finish: (summary: DrawnReport) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const done = new Promise<DrawnReport>((resolve) => {
    finish = resolve;
  });
  failed.catch((error: Error) => content.destroy(error));
  content.on('error', fail);
  thread.on('error', fail);
  thread.on('exit', (code) => fail(new Error(`the thread that draws a report ended with ${code}`)));
  thread.on('message', (message: FromDrawing) => {
    if (message.type === 'bytes') content.write(message.bytes);
    else if (message.type === 'drawn') drawn?.();
    else if (message.type === 'refused') fail(errors.REPORT_RIGHT_TO_LEFT(message));
    else {
      content.end();
      finish(message.summary);
    }
  });
  const onAbort = () => fail(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });

  return {
    content,
    async draw(message) {
      const isDrawn = new Promise<void>((resolve) => {
        drawn = resolve;
      });
      thread.postMessage(message);
      await Promise.race([isDrawn, failed]);
      // A stream that has its end drains without saying so.
      if (message.type !== 'end' && content.writableNeedDrain) await Promise.race([once(content, 'drain'), failed]);
    },
    done: Promise.race([done, failed]),
    async close(reason = errors.STOPPING()) {
      signal.removeEventListener('abort', onAbort);
      if (!content.writableEnded) content.destroy(reason);
      await thread.terminate();
    },
  };
}
