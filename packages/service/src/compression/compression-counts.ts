import type { Metrics } from '../metrics.ts';

export class CompressionCounts {
  bodies = 0;
  streams = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Responses sent plain because of too many concurrent compressions. */
  busy = 0;
  pending = 0;
}

export function registerCompressionMetrics(metrics: Metrics, counts: CompressionCounts): void {
  const show = (name: string, help: string, key: keyof CompressionCounts) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(counts[key]));
  show('tidemark_compressed_bodies_total', 'Responses compressed as a whole', 'bodies');
  show('tidemark_compressed_streams_total', 'Responses compressed while they were streamed', 'streams');
  show('tidemark_compression_in_bytes_total', 'Bytes of whole responses before compression', 'bytesIn');
  show('tidemark_compression_out_bytes_total', 'Bytes of whole responses after compression', 'bytesOut');
  show('tidemark_compression_busy_total', 'Responses sent plain because of too many concurrent compressions', 'busy');
  show('tidemark_compression_pending', 'Responses being compressed', 'pending');
}
