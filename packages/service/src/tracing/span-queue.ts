/** The SDK's BatchSpanProcessor is bounded too, but does not report what it dropped. */
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** At about 1 KB each, 4 MB. */
const MAX_QUEUED_SPANS = 4_096;
const BATCH_SPANS = 512;
const INTERVAL_MS = 1_000;

export interface SpanCounts {
  queued: number;
  exportedTotal: number;
  droppedTotal: number;
  /** The collector refused them or did not answer. */
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

  /** Sends all queued spans, one batch at a time; never rejects. */
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
      // Every batch fails until the collector works again.
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
