import type { Metrics } from '../metrics.ts';

/** What an app has compressed. */
export class CompressionCounts {
  bodies = 0;
  streams = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Answers sent plain because too many were being compressed. */
  busy = 0;
  pending = 0;
}

export function registerCompressionMetrics(metrics: Metrics, counts: CompressionCounts): void {
  const show = (name: string, help: string, key: keyof CompressionCounts) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(counts[key]));
  show('tidemark_compressed_bodies_total', 'Answers that were compressed as a whole', 'bodies');
  show('tidemark_compressed_streams_total', 'Answers that were compressed as they were streamed', 'streams');
  show('tidemark_compression_in_bytes_total', 'Bytes of whole answers before compression', 'bytesIn');
  show('tidemark_compression_out_bytes_total', 'Bytes of whole answers after compression', 'bytesOut');
  show('tidemark_compression_busy_total', 'Answers sent plain because too many were being compressed', 'busy');
  show('tidemark_compression_pending', 'Answers being compressed', 'pending');
}
