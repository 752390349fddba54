/**
 * The instances that report themselves, newest telemetry of each.
 *
 *   (unknown) ──telemetry──► live ──silent for lostAfterMs──► lost ──silent for dropAfterMs──► (dropped)
 *                             ▲                                │
 *                             └───────────telemetry────────────┘
 *
 * Bounded: when full, the one that has been lost longest makes room. If none is lost, a newcomer of a service with less than a
 * quarter of the places gets one from the service with the most; others are refused and counted. So no service can take the
 * places of another, however many names it reports.
 */
import { SERVICE_NAMES, type ServiceName, type Telemetry } from '@tidemark/contracts';
import { type Rates, ratesBetween } from './rates.ts';

export interface Instance {
  /** `<service>/<instance>`, unique. */
  readonly key: string;
  readonly telemetry: Telemetry;
  /** Since the telemetry before; undefined after a start, when there is nothing to take a difference with. */
  readonly rates: Rates | undefined;
  /** Our clock, ms: the sender's may be off. */
  readonly receivedAt: number;
}

export interface RegistryOptions {
  /** Most instances kept. */
  limit: number;
  lostAfterMs: number;
  dropAfterMs: number;
}

export interface Registry {
  /** False when refused because the registry is full. */
  record(telemetry: Telemetry, now: number): boolean;
  live(now: number): Instance[];
  lost(now: number): Instance[];
  /** Drops what has been silent for too long; returns it. */
  sweep(now: number): Instance[];
  /** Messages of instances for which there was no room. */
  refusedTotal(): number;
  size(): number;
}

export function createRegistry(options: RegistryOptions): Registry {
  const instances = new Map<string, Instance>();
  let refused = 0;
  const share = Math.floor(options.limit / SERVICE_NAMES.length);
  const silentFor = (instance: Instance, now: number) => now - instance.receivedAt;
  const isLost = (instance: Instance, now: number) => silentFor(instance, now) >= options.lostAfterMs;
  const sorted = (select: (instance: Instance) => boolean) =>
    [...instances.values()].filter(select).sort((a, b) => (a.key < b.key ? -1 : 1));

  function makeRoom(service: ServiceName, now: number): boolean {
    const all = [...instances.values()];
    const lost = all.filter((instance) => isLost(instance, now));
    return dropOldest(lost.length > 0 ? lost : overShare(all, service));
  }

  /** The instances of the largest service, if it has more than its share and `service` less. */
  function overShare(all: readonly Instance[], service: ServiceName): Instance[] {
    const ofService = (name: ServiceName) => all.filter(({ telemetry }) => telemetry.service === name);
    if (ofService(service).length >= share) return [];
    const largest = SERVICE_NAMES.map(ofService).reduce((most, one) => (one.length > most.length ? one : most));
    return largest.length > share ? largest : [];
  }

  function dropOldest(candidates: readonly Instance[]): boolean {
    const [first, ...rest] = candidates;
    if (!first) return false;
    const oldest = rest.reduce((old, one) => (one.receivedAt < old.receivedAt ? one : old), first);
    return instances.delete(oldest.key);
  }

  return {
    record(telemetry, now) {
      const key = `${telemetry.service}/${telemetry.instance}`;
      const previous = instances.get(key);
      if (!previous && instances.size >= options.limit && !makeRoom(telemetry.service, now)) {
        refused++;
        return false;
      }
      const rates = previous && ratesBetween(previous.telemetry, telemetry);
      instances.set(key, { key, telemetry, rates, receivedAt: now });
      return true;
    },
    live: (now) => sorted((instance) => !isLost(instance, now)),
    lost: (now) => sorted((instance) => isLost(instance, now)),
    sweep(now) {
      const gone = sorted((instance) => silentFor(instance, now) >= options.dropAfterMs);
      for (const instance of gone) instances.delete(instance.key);
      return gone;
    },
    refusedTotal: () => refused,
    size: () => instances.size,
  };
}
