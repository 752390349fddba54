import type { HealthAnswer } from '../../../../src/health/answer.ts';

type Instance = HealthAnswer['instances'][number];

export type Process = Pick<
  Instance,
  'service' | 'instance' | 'pid' | 'url' | 'ready' | 'problems' | 'startedAt' | 'process'
> & {
  version: string | null;
  http: { inFlight: number; p99Ms: number } | null;
  sockets: { open: number; subscriptions: number } | null;
  workers: { busy: number; threads: number } | null;
  relay: { role: string; lagBytes: number | null } | null;
};

/** The answer of GET processes. */
export interface ProcessesAnswer {
  at: number;
  processes: Process[];
  lost: HealthAnswer['lost'];
  collectors: HealthAnswer['collectors'];
  streams: HealthAnswer['nats']['streams'];
}
