/**
 * Limits the WAL that the slot keeps. A slot that nobody reads would fill the disk of the user's database. At 80 % of the budget there is
 * an alert, and at 100 % the slot is dropped; the next session creates another and a new epoch, and all subscribers resync. Every instance
 * watches the slot, since the relay itself may be stuck.
 *
 *   ok ──► high (80 %) ──► over (100 %) ──► dropped by its holder, or by anyone where nobody holds it;
 *                                           from a holder that does not, it is taken after HOLDER_CHANCES looks
 */
import type { Bus } from '@tidemark/bus';
import type { Alert } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import type { RealtimeEvent } from '../events.ts';
import * as statements from './statements.ts';

export type BudgetLevel = 'ok' | 'high' | 'over';

export interface BudgetUse {
  level: BudgetLevel;
  retainedBytes: number;
  /** The smaller of the configured budget and the server's max_slot_wal_keep_size. */
  limitBytes: number;
}

const HIGH = 0.8;

export function judgeBudget(slot: statements.SlotUse | undefined, budgetBytes: number): BudgetUse {
  const limitBytes = Math.min(budgetBytes, slot?.serverLimitBytes ?? budgetBytes);
  const retainedBytes = slot?.retainedBytes ?? 0;
  const level = retainedBytes >= limitBytes ? 'over' : retainedBytes >= limitBytes * HIGH ? 'high' : 'ok';
  return { level, retainedBytes, limitBytes };
}

function nextLookMs(use: BudgetUse | undefined): number {
  if (use === undefined) return LOOK_MS;
  const roomMs = (use.limitBytes * HIGH - use.retainedBytes) / 2 / BUSY_BYTES_PER_MS;
  return Math.max(LOOK_MS, Math.min(MAX_LOOK_MS, roomMs));
}

export interface WalBudgetOptions {
  admin: Pool;
  bus: Bus;
  instance: string;
  slot: string;
  budgetBytes: number;
  observe: (event: RealtimeEvent) => void;
  holds(): boolean;
  release(reason: string): void;
}

export interface WalBudget {
  start(): void;
  stop(): Promise<void>;
  use(): BudgetUse | undefined;
  warning(): string | undefined;
}

/** Limits of the interval of the checks: less than the time in which a busy primary could write half of what is left. */
const LOOK_MS = 1_000;
const MAX_LOOK_MS = 5_000;
const BUSY_BYTES_PER_MS = 200_000;
/** Checks over the budget after which another instance drops the slot of its holder. */
const HOLDER_CHANCES = 5;
const REPEAT_MS = 30_000;
/** Interval of forced snapshots, which let the slot free WAL; Postgres logs one every 15 s by itself. */
const NUDGE_MS = 5_000;
const OVER = 'the slot kept more WAL than its budget';

export function createWalBudget(options: WalBudgetOptions): WalBudget {
  const { admin, bus, instance, slot, observe } = options;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let stopped = true;
  let use: BudgetUse | undefined;
  let chances = HOLDER_CHANCES;
  let toldAt = 0;
  let nudgedAt = 0;

  async function look(): Promise<void> {
    const found = await statements.slotUse(admin, slot);
    const before = use?.level ?? 'ok';
    use = judgeBudget(found, options.budgetBytes);
    tell(before, use);
    if (use.retainedBytes > use.limitBytes / 2 && Date.now() - nudgedAt > NUDGE_MS) {
      nudgedAt = Date.now();
      await statements.logSnapshot(admin);
    }
    if (use.level !== 'over') chances = HOLDER_CHANCES;
    else if (options.holds()) options.release(OVER);
    else if (found?.active !== true || --chances <= 0) {
      chances = HOLDER_CHANCES;
      await statements.dropHeldSlot(admin, slot);
      observe({ type: 'relay.slot_dropped', slot, reason: OVER });
    }
  }

  function tell(before: BudgetLevel, now: BudgetUse): void {
    const again = now.level !== 'ok' && Date.now() - toldAt > REPEAT_MS;
    if (before === now.level && !again) return;
    toldAt = Date.now();
    if (before !== now.level) observe({ type: 'relay.wal_budget', slot, ...now });
    const alert: Alert = {
      key: `relay wal ${slot}`,
      message: sentence(now),
      hint: HINT,
      resolved: now.level === 'ok',
      service: 'realtime',
      instance,
      at: Date.now(),
    };
    bus.publish(bus.subjects.alerts(now.level === 'over' ? 'critical' : 'warning'), alert);
  }

  const sentence = ({ retainedBytes, limitBytes }: BudgetUse) =>
    `the replication slot ${slot} keeps ${mebibytes(retainedBytes)} of WAL, of ${mebibytes(limitBytes)} that it may`;

  function later(): void {
    if (stopped) return;
    timer = setTimeout(() => {
      // A primary that is away is reported by database.problem().
      looking = look()
        .catch((error: Error) => observe({ type: 'relay.failed', error }))
        .then(later);
    }, nextLookMs(use));
  }

  return {
    start() {
      stopped = false;
      later();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
    use: () => use,
    warning: () => (use === undefined || use.level === 'ok' ? undefined : `${sentence(use)}. ${HINT}`),
  };
}

const HINT =
  'At the budget (RELAY_WAL_BUDGET_BYTES) the slot is dropped, and every subscriber starts afresh. Is NATS reachable, does the relay keep up, is a transaction open for long?';

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
