import type { Database } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';
import type { Config } from '../../config.ts';
import { Exporter } from './exporter.ts';

export function openExporter(config: Config, db: Database, metrics: Metrics): Exporter {
  const { EXPORTS_MAX: max, EXPORT_STALL_MS: stallMs, exportTimeouts: timeouts } = config;
  const exporter = new Exporter(db, { max, stallMs, timeouts });
  registerExportMetrics(metrics, exporter, max);
  return exporter;
}

function registerExportMetrics(metrics: Metrics, exporter: Exporter, max: number): void {
  const show = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(value()));
  show('tidemark_exports_active', 'Running exports', () => exporter.active);
  show('tidemark_exports_limit', 'Maximum number of running exports', () => max);
  show('tidemark_exports_refused_total', 'Exports refused because too many were running', () => exporter.refusedTotal);
  metrics.gauge('tidemark_streams_total', 'Ended streams, by their outcome', ['result'], (gauge) => {
    const { completedTotal, abortedTotal, failedTotal } = exporter.stats;
    gauge.set({ result: 'completed' }, completedTotal);
    gauge.set({ result: 'aborted' }, abortedTotal);
    gauge.set({ result: 'failed' }, failedTotal);
  });
  show('tidemark_stream_bytes_total', 'Bytes of streams that ended', () => exporter.stats.bytesTotal);
  show('tidemark_stream_rows_total', 'Rows of streams that ended', () => exporter.stats.rowsTotal);
  show('tidemark_stream_cancel_errors_total', 'Cancel requests that failed', () => exporter.stats.cancelErrorsTotal);
}
