/** Where clients reach the other instances that are ready, as their telemetry says it. */
import type { Bus } from '@tidemark/bus';
import { TELEMETRY_INTERVAL_MS, TELEMETRY_MAX_BYTES, Telemetry, telemetrySenderProblem } from '@tidemark/contracts';
import { Type } from 'typebox';

export interface Peers {
  /** They take turns; undefined where none is known. */
  next(): string | undefined;
  count(): number;
  stop(): void;
}

/** One that has said nothing for so long may be gone. */
const HEARD_MS = 3 * TELEMETRY_INTERVAL_MS;
/** More instances than anybody runs; the names of further ones are not kept. */
const MAX_PEERS = 1_000;

const Word = Type.Pick(Telemetry, ['instance', 'ready', 'sockets']);
type Word = Pick<Telemetry, 'instance' | 'ready' | 'sockets'>;

/** @param instance this one's own name */
export function followPeers(bus: Bus, instance: string): Peers {
  const peers = new Map<string, { url: string; heardAt: number }>();
  let turn = 0;
  const subscription = bus.subscribe<Word>(
    bus.subjects.allTelemetryOf('realtime'),
    (word) => {
      const url = word.sockets?.liveUrl;
      if (word.instance === instance) return;
      if (!word.ready || url === undefined) peers.delete(word.instance);
      else if (peers.has(word.instance) || peers.size < MAX_PEERS)
        peers.set(word.instance, { url, heardAt: Date.now() });
    },
    {
      schema: Word,
      maxBytes: TELEMETRY_MAX_BYTES,
      check: ({ instance }: Word, subject) =>
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
