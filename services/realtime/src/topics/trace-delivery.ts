import { parseTraceparent, type Tracing } from '@tidemark/service';
import type { ChangeEnvelope } from '../changes/envelope.ts';

export function traceDelivery(tracing: Tracing, envelope: ChangeEnvelope, changes: number): void {
  const parent = parseTraceparent(envelope.body().trace);
  if (!parent) return;
  const attributes = { 'tidemark.xid': envelope.xid, 'tidemark.deliveries': changes };
  tracing.start('delivery', { kind: 'consumer', parent, startedAt: envelope.receivedAt, attributes }).end();
}
