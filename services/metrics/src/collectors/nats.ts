import { type Bus, inspectNats, type NatsState } from '@tidemark/bus';
import { errors } from '../errors.ts';
import type { CollectorDefinition } from './collector.ts';

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 3_000;

export function nats(bus: Bus): CollectorDefinition<NatsState> {
  return {
    name: 'nats',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const problem = bus.problem();
      if (problem) throw errors.NATS_UNREACHABLE({ reason: problem });
      return inspectNats(bus);
    },
  };
}
