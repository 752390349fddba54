/** Requests a URL each minute while the monitor works. A monitor of that URL notices when this service has died. */
import type { MetricsEvent } from '../events.ts';
import { call } from './call.ts';

const INTERVAL_MS = 60_000;

export interface HeartbeatState {
  host: string;
  /** ms since 1970 of the last success. */
  sentAt: number | null;
  failingSince: number | null;
  error: string | null;
}

export class Heartbeat {
  #url: string;
  #observe: (event: MetricsEvent) => void;
  #state: HeartbeatState;
  #nextAt = 0;
  #sending: Promise<void> | undefined;

  constructor(url: string, observe: (event: MetricsEvent) => void) {
    this.#url = url;
    this.#observe = observe;
    this.#state = { host: new URL(url).host, sentAt: null, failingSince: null, error: null };
  }

  state(): HeartbeatState {
    return { ...this.#state };
  }

  tick(now: number): void {
    if (now < this.#nextAt || this.#sending) return;
    this.#nextAt = now + INTERVAL_MS;
    this.#sending = this.#send(now).finally(() => {
      this.#sending = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.#sending;
  }

  async #send(now: number): Promise<void> {
    try {
      await call(this.#url);
      this.#state.sentAt = now;
      this.#state.failingSince = this.#state.error = null;
    } catch (error) {
      this.#state.failingSince ??= now;
      this.#state.error = (error as Error).message;
      this.#observe({ type: 'metrics.heartbeat_failed', host: this.#state.host, error: error as Error });
    }
  }
}
