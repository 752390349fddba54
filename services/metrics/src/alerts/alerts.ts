/** Findings and the alerts of other services → alerts → notifications, rows and `alerts.<severity>`. Runs once a second. */
import { randomUUID } from 'node:crypto';
import type { Pool } from '@tidemark/db';
import type { MetricsEvent } from '../events.ts';
import type { HealthAnswer } from '../health/answer.ts';
import type { AlertState } from './alert.ts';
import type { AlertBook } from './alert-book.ts';
import type { AlertBus } from './alert-bus.ts';
import { MAX_ROWS, purgeAlerts, saveAlerts, unsettledAlerts } from './alert-rows.ts';
import { call } from './call.ts';
import type { Delivery, DeliveryState } from './delivery.ts';
import type { Heartbeat, HeartbeatState } from './heartbeat.ts';
import type { Silences } from './silences.ts';

export interface AlertsParts {
  book: AlertBook;
  bus: AlertBus;
  deliveries: readonly Delivery[];
  silences: Silences;
  heartbeat: Heartbeat | undefined;
  /** @throws while Postgres has not answered since the start */
  pool: () => Pool;
  isLeader: () => boolean;
  observe: (event: MetricsEvent) => void;
}

export interface TestResult {
  name: string;
  host: string;
  ok: boolean;
  tookMs: number;
  error: string | null;
}

export interface DeliveryHealth {
  receivers: DeliveryState[];
  heartbeat: HeartbeatState | null;
}

/** Deliveries wait this long for the rows, which contain the notifications sent before a restart. */
const MAX_ROWS_WAIT_MS = 15_000;
const SILENCES_MS = 10_000;
const PURGE_MS = 3_600_000;
const MAX_LOADED = 1_000;

export class Alerts {
  readonly parts: AlertsParts;
  #storing: Promise<void> | undefined;
  #leadsSince: number | undefined;
  #isLoaded = false;
  #silencesAt = 0;
  #purgeAt = 0;
  #storeError: string | undefined;

  constructor(parts: AlertsParts) {
    this.parts = parts;
  }

  get isLeading(): boolean {
    return this.#leadsSince !== undefined;
  }

  health(): DeliveryHealth {
    const { deliveries, heartbeat } = this.parts;
    return { receivers: deliveries.map((delivery) => delivery.state()), heartbeat: heartbeat?.state() ?? null };
  }

  tick({ findings, unknown }: Pick<HealthAnswer, 'findings' | 'unknown'>, now: number): void {
    const { book, bus, deliveries, silences, heartbeat } = this.parts;
    this.#takeLead(now);
    for (const { key, rule, root, severity, subject, message, hint } of findings) {
      const graded = severity === 'down' ? 'critical' : 'warning';
      if (root === null) book.report({ key, rule, severity: graded, subject, message, hint }, now);
      // A receiver that knows of it would take its end for good news.
      else book.touch(key, now);
    }
    bus.keepWhileDown(now);
    // Nobody can say that such a problem has ended.
    const blind = new Set<string>(unknown.map(({ rule }) => rule));
    for (const { key, rule } of book.lasting()) if (blind.has(rule)) book.touch(key, now);
    const isSilenced = silences.at(now);
    const ended = book.endQuiet(now, isSilenced);
    if (this.#leadsSince === undefined) {
      book.sweep(false);
      return;
    }
    bus.publish(ended, now);
    if (this.#isLoaded || now - this.#leadsSince >= MAX_ROWS_WAIT_MS) {
      for (const delivery of deliveries) delivery.tick(book.all(), now, isSilenced);
    }
    heartbeat?.tick(now);
    this.#storing ??= this.#store(now).finally(() => {
      this.#storing = undefined;
    });
  }

  /** Sends every receiver a test, now, and returns what came of it. */
  test(publicUrl: string): Promise<TestResult[]> {
    const now = Date.now();
    const alert: AlertState = {
      id: randomUUID(),
      key: `test ${now}`,
      rule: 'alerts.test',
      severity: 'info',
      subject: 'metrics',
      message: 'this is a test of the alerts of Tidemark',
      hint: 'Nothing is wrong.',
      startedAt: now,
      lastActiveAt: now,
      endedAt: null,
      muted: false,
      sent: {},
    };
    return Promise.all(
      this.parts.deliveries.map(async ({ receiver: { name, host, url, body } }) => {
        const startedAt = performance.now();
        const error = await call(url, body([alert], publicUrl)).then(
          () => null,
          (cause: Error) => cause.message,
        );
        return { name, host, ok: error === null, tookMs: Math.round(performance.now() - startedAt), error };
      }),
    );
  }

  /** Waits for what is under way, and stores what the receivers were told. */
  async stop(): Promise<void> {
    const { bus, deliveries, heartbeat } = this.parts;
    bus.stop();
    await Promise.all([...deliveries.map((delivery) => delivery.settled()), heartbeat?.settled()]);
    await this.#storing;
    if (this.isLeading) await this.#store(Date.now());
  }

  #takeLead(now: number): void {
    if (!this.parts.isLeader()) this.#leadsSince = undefined;
    else if (this.#leadsSince === undefined) {
      this.#leadsSince = now;
      this.#isLoaded = false;
    }
  }

  async #store(now: number): Promise<void> {
    const { book, silences, observe } = this.parts;
    let taken: ReturnType<AlertBook['takeUnsaved']> = [];
    try {
      const pool = this.parts.pool();
      if (!this.#isLoaded || now - this.#silencesAt >= SILENCES_MS) {
        await silences.load(pool);
        this.#silencesAt = now;
      }
      if (!this.#isLoaded) {
        book.adopt(await unsettledAlerts(pool, MAX_LOADED), now);
        this.#isLoaded = true;
      }
      taken = book.takeUnsaved(MAX_ROWS);
      if (taken.length > 0) await saveAlerts(pool, taken, (alert) => book.isSettled(alert));
      taken = [];
      book.sweep(true);
      if (now - this.#purgeAt >= PURGE_MS) {
        await purgeAlerts(pool);
        await silences.purge(pool);
        this.#purgeAt = now;
      }
      this.#storeError = undefined;
    } catch (error) {
      book.unsaved(taken);
      const { message } = error as Error;
      if (message !== this.#storeError) observe({ type: 'metrics.alerts_not_stored', error: error as Error });
      this.#storeError = message;
    }
  }
}
