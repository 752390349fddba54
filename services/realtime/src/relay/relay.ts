/** The I/O around lifecycle.ts. One instance holds the slot; the others try to take it each second. */
import { type Lsn, lsnToHex, type RelayStats } from '@tidemark/contracts';
import type { DefinitionStats } from '../definitions/definition-watch.ts';
import { FailingTables } from './failing-tables.ts';
import { type RelayEvent, type RelayState, relayTransition } from './lifecycle.ts';
import type { RelayOptions } from './relay-options.ts';
import { openSession, type RelaySession } from './session.ts';
import { checkReplicationRight, checkWalLevel, dropHeldSlot } from './statements.ts';
import { createWalBudget, type WalBudget } from './wal-budget.ts';
import type { RelayMemory } from './wal-reader.ts';

export interface Relay {
  /** Checks what no retry would remedy. @throws RT_WAL_LEVEL, RT_NO_REPLICATION */
  check(): Promise<void>;
  start(): void;
  /** Waits for JetStream's outstanding acknowledgements and reports them to Postgres, up to `deadlineMs`. */
  stop(deadlineMs?: number): Promise<void>;
  state(): RelayState;
  stats(): RelayStats;
  definitions(): Readonly<DefinitionStats>;
  budget: Pick<WalBudget, 'use' | 'warning'>;
  failing: Pick<FailingTables, 'names' | 'rowsTotal' | 'warning'>;
}

export function createRelay(options: RelayOptions): Relay {
  const { observe, database } = options;
  const { bus, instance } = options;
  const failing = new FailingTables({ admin: database.pools.admin, bus, instance, observe });
  const memory: RelayMemory = {
    transactionsTotal: 0,
    changesTotal: 0,
    publishedTotal: 0,
    measured: new Map(),
    failing,
    dropped: undefined,
    definitions: { looksTotal: 0, failedTotal: 0, changesTotal: 0, lastLookMs: 0 },
  };
  let state: RelayState = { name: 'stopped' };
  let session: RelaySession | undefined;
  let timer: NodeJS.Timeout | undefined;
  let opening: Promise<void> | undefined;
  let lastError: string | null = null;
  let confirmedLsn: Lsn | null = null;
  let epoch: string | null = null;
  let dropReason: string | undefined;

  const budget = createWalBudget({
    admin: database.pools.admin,
    bus: options.bus,
    instance: options.instance,
    slot: options.slot,
    budgetBytes: options.walBudgetBytes,
    observe,
    holds: () => state.name === 'active',
    release(reason) {
      dropReason = reason;
      handle({ type: 'reread' });
    },
  });

  function handle(event: RelayEvent): void {
    const before = state;
    state = relayTransition(before, event);
    if (state === before) return;
    if (roleOf(before) !== roleOf(state)) observe({ type: 'relay.role', role: roleOf(state), epoch });
    if (state.name === 'opening') opening = open();
    else if (state.name === 'standby' || state.name === 'waiting') {
      timer = setTimeout(() => handle({ type: 'due' }), state.delayMs);
    }
  }

  function fail(error: Error): void {
    lastError = error.message;
    observe({ type: 'relay.failed', error });
    handle({ type: 'failed' });
  }

  async function open(): Promise<void> {
    // The last session must have freed the slot and its place in the stream.
    await session?.close(0);
    session = undefined;
    try {
      if (dropReason !== undefined) await dropSlot(dropReason);
      const opened = await openSession(options, memory, {
        onProgress(lsn) {
          confirmedLsn = lsn;
          lastError = null;
          handle({ type: 'progressed' });
        },
        onReread: () => handle({ type: 'reread' }),
        onFailed: fail,
      });
      if (opened === 'taken') {
        failing.clear();
        handle({ type: 'taken' });
        return;
      }
      session = opened;
      epoch = opened.epoch;
      // If the relay was stopped meanwhile, stop() closes the session after this function.
      if (state.name !== 'opening') return;
      handle({ type: 'opened' });
      opened.begin();
    } catch (error) {
      fail(error as Error);
    }
  }

  async function dropSlot(reason: string): Promise<void> {
    await dropHeldSlot(database.pools.admin, options.slot);
    observe({ type: 'relay.slot_dropped', slot: options.slot, reason });
    memory.dropped = reason;
    dropReason = undefined;
  }

  return {
    budget,
    failing,
    async check() {
      await checkWalLevel(database.pools.admin);
      await checkReplicationRight(database.pools.admin);
    },
    start() {
      handle({ type: 'start' });
      budget.start();
      failing.start();
    },
    async stop(deadlineMs = 2_000) {
      handle({ type: 'stop' });
      clearTimeout(timer);
      failing.stop();
      await budget.stop();
      await opening;
      await session?.close(deadlineMs);
      session = undefined;
      handle({ type: 'ended' });
    },
    state: () => state,
    definitions: () => memory.definitions,
    stats() {
      const primary = database.primaryLsn();
      const lag = confirmedLsn === null || roleOf(state) !== 'active' ? null : primary - confirmedLsn;
      return {
        role: roleOf(state),
        epoch,
        confirmedLsn: confirmedLsn === null ? null : lsnToHex(confirmedLsn),
        lagBytes: lag === null ? null : Number(lag > 0n ? lag : 0n),
        transactionsTotal: memory.transactionsTotal,
        changesTotal: memory.changesTotal,
        publishedTotal: memory.publishedTotal,
        inFlight: session?.inFlight() ?? 0,
        lastError,
      };
    },
  };
}

function roleOf(state: RelayState): RelayStats['role'] {
  if (state.name === 'active') return 'active';
  return state.name === 'stopped' || state.name === 'stopping' ? 'stopped' : 'standby';
}
