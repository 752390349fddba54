/**
 * Spans on their way to the collector: at most so many wait, one batch is sent at a time, and what does not fit is dropped and
 * counted. (The SDK's own BatchSpanProcessor is bounded too, but does not say what it dropped.)
 */
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** At about 1 KB each, 4 MB. */
const MAX_QUEUED_SPANS = 4_096;
const BATCH_SPANS = 512;
const INTERVAL_MS = 1_000;

export interface SpanCounts {
  queued: number;
  exportedTotal: number;
  /** The queue was full. */
  droppedTotal: number;
  /** The collector did not take them. */
  failedTotal: number;
}

export class SpanQueue implements SpanProcessor {
  readonly #exporter: SpanExporter;
  readonly #onError: (error: Error) => void;
  readonly #maxSpans: number;
  #spans: ReadableSpan[] = [];
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout;
  #failing = false;
  readonly #counts = { exportedTotal: 0, droppedTotal: 0, failedTotal: 0 };

  constructor(exporter: SpanExporter, onError: (error: Error) => void, maxSpans: number = MAX_QUEUED_SPANS) {
    this.#exporter = exporter;
    this.#onError = onError;
    this.#maxSpans = maxSpans;
    this.#timer = setInterval(() => void this.forceFlush(), INTERVAL_MS);
    this.#timer.unref();
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#spans.length >= this.#maxSpans) {
      this.#counts.droppedTotal += 1;
      return;
    }
    this.#spans.push(span);
    if (this.#spans.length >= BATCH_SPANS) void this.forceFlush();
  }

  /** Sends what there is, a batch at a time; never rejects. */
  forceFlush(): Promise<void> {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async shutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.forceFlush();
    await this.#exporter.shutdown();
  }

  counts(): SpanCounts {
    return { ...this.#counts, queued: this.#spans.length };
  }

  async #send(): Promise<void> {
    while (this.#spans.length > 0) {
      const batch = this.#spans.splice(0, BATCH_SPANS);
      const error = await this.#export(batch);
      if (error === undefined) this.#counts.exportedTotal += batch.length;
      else this.#counts.failedTotal += batch.length;
      // Said once, until it works again: a collector that is away is away for each batch.
      if (error !== undefined && !this.#failing) this.#onError(error);
      this.#failing = error !== undefined;
      if (this.#failing) return;
    }
  }

  #export(batch: ReadableSpan[]): Promise<Error | undefined> {
    return new Promise((resolve) => {
      try {
        this.#exporter.export(batch, ({ code, error }) => {
          // ExportResultCode.SUCCESS
          resolve(code === 0 ? undefined : (error ?? new Error('the collector refused the spans')));
        });
      } catch (error) {
        resolve(error as Error);
      }
    });
  }
}
