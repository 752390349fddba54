/**
 * The newest telemetry of each instance that reports itself.
 *
 *   (unknown) ──telemetry──► live ──silent for lostAfterMs──► lost ──silent for dropAfterMs──► (dropped)
 *                             ▲                                │
 *                             └───────────telemetry────────────┘
 *
 * A full registry replaces the instance that has been lost for longest. If none is lost, a service with less than a quarter
 * of the entries replaces an entry of the service with the most; other telemetry is refused and counted. So no service can
 * crowd out another by reporting many instance names.
 */
import { SERVICE_NAMES, type ServiceName, type Telemetry } from '@tidemark/contracts';
import { type Rates, ratesBetween } from './rates.ts';

export interface Instance {
  /** `<service>/<instance>`, unique. */
  readonly key: string;
  readonly telemetry: Telemetry;
  /** Rates since the previous telemetry; undefined for the first one of a process. */
  readonly rates: Rates | undefined;
  /** ms since 1970 by the clock of this service, because the clock of the sender may be wrong. */
  readonly receivedAt: number;
}

export interface RegistryOptions {
  limit: number;
  lostAfterMs: number;
  dropAfterMs: number;
}

export interface Registry {
  readonly limit: number;
  record(telemetry: Telemetry, now: number): boolean;
  get(key: string): Instance | undefined;
  live(now: number): Instance[];
  lost(now: number): Instance[];
  sweep(now: number): Instance[];
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
    limit: options.limit,
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
    get: (key) => instances.get(key),
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
