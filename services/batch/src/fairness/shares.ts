/** Shows how much of the threads of all instances each tenant and target takes: the largest by name, the others together. */
import type { Pool, Row } from '@tidemark/db';
import { every, type Metrics } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import type { WorkWatch } from '../sweeper/work-watch.ts';
import { shareStatements } from './share-statements.ts';

interface TenantShare {
  tenant: string;
  queued: number;
  running: number;
  chunks: number;
}

interface TargetShare {
  kind: string;
  target: string;
  tenant: string;
  chunks: number;
  allowed: number;
  open: number;
  blockedSeconds: number;
}

const EVERY_MS = 5_000;
/** Series of each gauge; the others are one more, named "(other)". */
const MAX_SHOWN = 10;

export interface SharesOptions {
  pool: Pool;
  work: Pick<WorkWatch, 'isBusy'>;
  metrics: Metrics;
  observe: (event: BatchEvent) => void;
}

/** Every instance shows the same figures, because limits and shares are of all instances together. */
export function showShares({ pool, work, metrics, observe }: SharesOptions): { stop(): void } {
  let isEmpty = false;
  let tenants: readonly TenantShare[] = [];
  let targets: readonly TargetShare[] = [];

  async function look(): Promise<void> {
    if (isEmpty && !work.isBusy()) return;
    try {
      tenants = await pool.query<TenantShare & Row>(shareStatements.tenants, [MAX_SHOWN]);
      targets = await pool.query<TargetShare & Row>(shareStatements.targets, [MAX_SHOWN]);
      isEmpty = tenants.length === 0 && targets.length === 0;
    } catch (error) {
      // A gap says more than figures of before.
      tenants = [];
      targets = [];
      throw error;
    }
  }

  const ofTenants = (name: string, help: string, value: (share: TenantShare) => number) =>
    metrics.gauge(name, help, ['tenant'], (gauge) => {
      gauge.reset();
      for (const share of tenants) gauge.set({ tenant: share.tenant }, value(share));
    });
  const ofTargets = (name: string, help: string, value: (share: TargetShare) => number) =>
    metrics.gauge(name, help, ['kind', 'target', 'tenant'], (gauge) => {
      gauge.reset();
      for (const share of targets) {
        const { kind, target, tenant } = share;
        gauge.set({ kind, target, tenant }, value(share));
      }
    });
  ofTenants('tidemark_batch_tenant_jobs_queued', 'Jobs of a tenant that wait for a place', ({ queued }) => queued);
  ofTenants('tidemark_batch_tenant_jobs_running', 'Jobs of a tenant that are planned or run', ({ running }) => running);
  ofTenants('tidemark_batch_tenant_chunks_running', 'Chunks of a tenant that run', ({ chunks }) => chunks);
  ofTargets('tidemark_batch_target_chunks_running', 'Chunks that call a target', ({ chunks }) => chunks);
  ofTargets(
    'tidemark_batch_target_chunks_allowed',
    'Chunks that may call a target at a time',
    ({ allowed }) => allowed,
  );
  ofTargets('tidemark_batch_target_circuit_open', '1 while a target gets only probes', ({ open }) => open);
  ofTargets(
    'tidemark_batch_target_blocked_seconds',
    'Seconds until a target may be called again, by its Retry-After',
    ({ blockedSeconds }) => blockedSeconds,
  );
  const timer = every('shares', EVERY_MS, look, observe);
  timer.now();
  return timer;
}
