import type { SocketStats } from '@tidemark/contracts';
import { WindowedSketch } from '@tidemark/db';
import type { Metrics, Tracing } from '@tidemark/service';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import { traceDelivery } from './trace-delivery.ts';

export interface DeliveryStats {
  record(changes: number, ms: number, envelope: ChangeEnvelope): void;
  counts(): Pick<SocketStats, 'deliveredTotal' | 'deliveryP50Ms' | 'deliveryP99Ms' | 'deliveryWindow'>;
}

export function createDeliveryStats(metrics: Metrics, tracing: Tracing | undefined): DeliveryStats {
  const latency = new WindowedSketch();
  const seconds = metrics.histogram('tidemark_delivery_seconds', 'Time from the commit to the write to the sockets');
  let deliveredTotal = 0;
  return {
    record(changes, ms, envelope) {
      if (tracing) traceDelivery(tracing, envelope, changes);
      deliveredTotal += changes;
      latency.record(Math.max(0, ms));
      seconds.observe(Math.max(0, ms) / 1_000);
    },
    counts() {
      const deliveryWindow = latency.window();
      return {
        deliveredTotal,
        deliveryP50Ms: latency.quantile(0.5),
        deliveryP99Ms: latency.quantile(0.99),
        ...(deliveryWindow && { deliveryWindow }),
      };
    },
  };
}
