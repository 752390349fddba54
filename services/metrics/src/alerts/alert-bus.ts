/** `alerts.<severity>` in both directions: problems that other services report, and those of this service for others to hear. */
import type { Bus } from '@tidemark/bus';
import { Alert, type Severity } from '@tidemark/contracts';
import type { AlertState } from './alert.ts';
import type { AlertBook } from './alert-book.ts';

/** Services repeat an alert each 30 s while it lasts; this leaves room for a late message. */
const LASTS_MS = 45_000;
const REPEAT_MS = 30_000;
const MAX_MESSAGE_BYTES = 16 * 1024;
const SEVERITIES: readonly string[] = ['info', 'warning', 'critical'] satisfies Severity[];

export class AlertBus {
  #bus: Bus;
  #book: AlertBook;
  #instance: string;
  #subscription: { unsubscribe(): void };
  /** Keys of alerts that came over NATS. */
  #heard = new Set<string>();
  #told = new Map<string, { at: number; severity: Severity }>();

  constructor(bus: Bus, book: AlertBook, instance: string) {
    this.#bus = bus;
    this.#book = book;
    this.#instance = instance;
    this.#subscription = bus.subscribe<Alert>(bus.subjects.allAlerts, (alert, subject) => this.#hear(alert, subject), {
      schema: Alert,
      maxBytes: MAX_MESSAGE_BYTES,
      check: (_alert, subject) =>
        SEVERITIES.includes(severityOf(subject)) ? undefined : `no severity "${severityOf(subject)}"`,
    });
  }

  /** While NATS is down, nobody can say that a problem has ended, so alerts that came over it last. */
  keepWhileDown(now: number): void {
    const keys = new Set(this.#book.lasting().map(({ key }) => key));
    for (const key of this.#heard) {
      if (!keys.has(key)) this.#heard.delete(key);
      else if (!this.#bus.connected()) this.#book.touch(key, now);
    }
  }

  /** Publishes the alerts that began here, again each 30 s for later subscribers, and their ends. */
  publish(ended: readonly AlertState[], now: number): void {
    const lasting = this.#book.lasting().filter(({ key }) => !this.#heard.has(key));
    for (const alert of lasting) {
      const told = this.#told.get(alert.key);
      if (told && told.severity === alert.severity && now - told.at < REPEAT_MS) continue;
      this.#told.set(alert.key, { at: now, severity: alert.severity });
      this.#say(alert, now);
    }
    for (const alert of ended) if (this.#told.delete(alert.key)) this.#say(alert, now);
  }

  stop(): void {
    this.#subscription.unsubscribe();
  }

  #hear(alert: Alert, subject: string): void {
    if (alert.service === 'metrics') return;
    const key = `${alert.service}: ${alert.key}`;
    const now = Date.now();
    if (alert.resolved) {
      this.#book.quiet(key, now);
      return;
    }
    this.#heard.add(key);
    const { message, hint, service, instance } = alert;
    const severity = severityOf(subject) as Severity;
    this.#book.report({ key, rule: `alert.${service}`, severity, subject: instance, message, hint }, now + LASTS_MS);
  }

  #say({ key, severity, message, hint, endedAt }: AlertState, now: number): void {
    const alert: Alert = {
      key: key.slice(0, 200),
      message,
      hint,
      resolved: endedAt !== null,
      service: 'metrics',
      instance: this.#instance,
      at: now,
    };
    this.#bus.publish(this.#bus.subjects.alerts(severity), alert);
  }
}

const severityOf = (subject: string) => subject.slice(subject.lastIndexOf('.') + 1);
