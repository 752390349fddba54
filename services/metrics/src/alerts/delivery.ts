/**
 * Notifies one receiver, one request at a time, at least once: an alert counts as told after the response. The first alert that it
 * must be told opens a group; all that follow within `groupMs` go into the same request.
 */
import type { MetricsEvent } from '../events.ts';
import { type AlertState, owes, type Silenced, type Told } from './alert.ts';
import { call } from './call.ts';
import type { Receiver } from './receivers.ts';

export interface DeliveryOptions {
  groupMs: number;
  repeatMs: number;
  publicUrl: string;
  onTold: (alert: AlertState) => void;
  observe: (event: MetricsEvent) => void;
}

export interface DeliveryState {
  name: string;
  host: string;
  /** Alerts that it must be told. */
  waiting: number;
  toldTotal: number;
  failuresTotal: number;
  /** ms since 1970; null while requests succeed. */
  failingSince: number | null;
  error: string | null;
}

/** Alerts in one request, some 2 KB each. */
const MAX_IN_REQUEST = 50;
const MIN_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;

export class Delivery {
  readonly receiver: Receiver;
  #options: DeliveryOptions;
  #state: DeliveryState;
  #groupedSince: number | undefined;
  #retryAt = 0;
  #failures = 0;
  #sending: Promise<void> | undefined;

  constructor(receiver: Receiver, options: DeliveryOptions) {
    this.receiver = receiver;
    this.#options = options;
    const { name, host } = receiver;
    this.#state = { name, host, waiting: 0, toldTotal: 0, failuresTotal: 0, failingSince: null, error: null };
  }

  state(): DeliveryState {
    return { ...this.#state };
  }

  tick(alerts: readonly AlertState[], now: number, isSilenced: Silenced): void {
    const { groupMs, repeatMs } = this.#options;
    const owed = alerts.filter((alert) => owes(alert, this.receiver.name, now, repeatMs, isSilenced));
    this.#state.waiting = owed.length;
    if (owed.length === 0) {
      this.#groupedSince = undefined;
      return;
    }
    this.#groupedSince ??= now;
    if (this.#sending || now < this.#retryAt || now - this.#groupedSince < groupMs) return;
    this.#sending = this.#send(owed.slice(0, MAX_IN_REQUEST), now).finally(() => {
      this.#sending = undefined;
    });
  }

  /** Waits for the request under way. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  async #send(alerts: readonly AlertState[], now: number): Promise<void> {
    const { observe, onTold, publicUrl } = this.#options;
    const { name, host, url, body } = this.receiver;
    // The present states are sent. A change during the request is sent by the next one.
    const told = alerts.map(
      ({ severity, endedAt }): Told => ({ state: endedAt === null ? 'firing' : 'resolved', severity, at: now }),
    );
    try {
      await call(url, body(alerts, publicUrl));
    } catch (error) {
      this.#state.failuresTotal++;
      this.#state.failingSince ??= now;
      this.#state.error = (error as Error).message;
      const backoff = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#failures++);
      this.#retryAt =
        now + Math.min(MAX_RETRY_MS, Math.max(backoff, ((error as { retryAfter?: number }).retryAfter ?? 0) * 1_000));
      observe({
        type: 'metrics.alerts_undelivered',
        receiver: name,
        host,
        alerts: alerts.length,
        error: error as Error,
      });
      return;
    }
    this.#failures = 0;
    this.#retryAt = 0;
    this.#groupedSince = undefined;
    this.#state.toldTotal += alerts.length;
    this.#state.failingSince = this.#state.error = null;
    alerts.forEach((alert, index) => {
      alert.sent[name] = told[index] as Told;
      onTold(alert);
    });
    observe({ type: 'metrics.alerts_delivered', receiver: name, alerts: alerts.length });
  }
}
