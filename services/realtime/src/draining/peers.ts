/** The addresses of the other instances that are ready, from their telemetry. */
import type { Bus } from '@tidemark/bus';
import { TELEMETRY_INTERVAL_MS, TELEMETRY_MAX_BYTES, Telemetry, telemetrySenderProblem } from '@tidemark/contracts';
import { Type } from 'typebox';

export interface Peers {
  next(): string | undefined;
  count(): number;
  stop(): void;
}

const HEARD_MS = 3 * TELEMETRY_INTERVAL_MS;
const MAX_PEERS = 1_000;

const Report = Type.Pick(Telemetry, ['instance', 'ready', 'sockets']);
type Report = Pick<Telemetry, 'instance' | 'ready' | 'sockets'>;

/** @param instance the name of this instance, which is ignored */
export function followPeers(bus: Bus, instance: string): Peers {
  const peers = new Map<string, { url: string; heardAt: number }>();
  let turn = 0;
  const subscription = bus.subscribe<Report>(
    bus.subjects.allTelemetryOf('realtime'),
    (report) => {
      const url = report.sockets?.liveUrl;
      if (report.instance === instance) return;
      if (!report.ready || url === undefined) peers.delete(report.instance);
      else if (peers.has(report.instance) || peers.size < MAX_PEERS)
        peers.set(report.instance, { url, heardAt: Date.now() });
    },
    {
      schema: Report,
      maxBytes: TELEMETRY_MAX_BYTES,
      check: ({ instance }: Report, subject) =>
        telemetrySenderProblem(bus.subjects, subject, { service: 'realtime', instance }),
    },
  );
  function urls(): string[] {
    const since = Date.now() - HEARD_MS;
    for (const [name, { heardAt }] of peers) if (heardAt < since) peers.delete(name);
    return [...peers.values()].map(({ url }) => url);
  }

  return {
    next() {
      const known = urls();
      turn += 1;
      return known[turn % known.length];
    },
    count: () => urls().length,
    stop: () => subscription.unsubscribe(),
  };
}
