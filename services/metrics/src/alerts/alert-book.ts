/** The alerts that last, and those that have ended but that a receiver was not told of. */
import { randomUUID } from 'node:crypto';
import type { Severity } from '@tidemark/contracts';
import type { MetricsEvent } from '../events.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { type AlertState, isSettled, isWorse, type Silenced } from './alert.ts';

export interface Report {
  key: string;
  rule: string;
  severity: Severity;
  subject: string;
  message: string;
  hint: string;
}

export interface AlertBookOptions {
  /** Names of the receivers. */
  receivers: readonly string[];
  quietMs: number;
  timeline?: Pick<Timeline, 'add'>;
  observe: (event: MetricsEvent) => void;
}

/** An alert takes at most 5 KB. Findings are at most 50; the others come from services, one for each failing table or kind. */
const MAX_ALERTS = 1_000;
const MAX_TEXT = 2_000;

export class AlertBook {
  refusedTotal = 0;
  #options: AlertBookOptions;
  #all = new Map<string, AlertState>();
  #lasting = new Map<string, AlertState>();
  #unsaved = new Set<AlertState>();

  constructor(options: AlertBookOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  lasting(): AlertState[] {
    return [...this.#lasting.values()];
  }

  all(): AlertState[] {
    return [...this.#all.values()];
  }

  /** A problem lasts at `now`; a future time says that it need not be reported again until then. */
  report(report: Report, now: number): void {
    const known = this.#lasting.get(report.key);
    if (!known) {
      this.#begin(report, now);
      return;
    }
    known.lastActiveAt = Math.max(known.lastActiveAt, now);
    known.message = report.message.slice(0, MAX_TEXT);
    known.hint = report.hint.slice(0, MAX_TEXT);
    if (!isWorse(report.severity, known.severity)) return;
    known.severity = report.severity;
    this.#unsaved.add(known);
  }

  /** A known problem still lasts, although another one explains it now. */
  touch(key: string, now: number): void {
    const known = this.#lasting.get(key);
    if (known) known.lastActiveAt = Math.max(known.lastActiveAt, now);
  }

  /** Its source says that it has ended. It counts as ended once it has been quiet. */
  quiet(key: string, now: number): void {
    const known = this.#lasting.get(key);
    if (known) known.lastActiveAt = Math.min(known.lastActiveAt, now);
  }

  /** Returns the alerts that end now, because they have been quiet for long enough. */
  endQuiet(now: number, isSilenced: Silenced): AlertState[] {
    const ended: AlertState[] = [];
    for (const alert of this.#lasting.values()) {
      if (now - alert.lastActiveAt < this.#options.quietMs) continue;
      alert.endedAt = now;
      alert.muted = isSilenced(alert);
      this.#lasting.delete(alert.key);
      this.#unsaved.add(alert);
      ended.push(alert);
      const message = `ended after ${Math.round((now - alert.startedAt) / 1_000)} s: ${alert.message}`;
      this.#options.timeline?.add({ type: 'alert.ended', subject: alert.key, message }, now);
      this.#options.observe({ type: 'metrics.alert_ended', key: alert.key, lastedMs: now - alert.startedAt });
    }
    return ended;
  }

  told(alert: AlertState): void {
    this.#unsaved.add(alert);
  }

  isSettled(alert: AlertState): boolean {
    return isSettled(alert, this.#options.receivers);
  }

  /** Merges the rows of the instance that delivered before: its notifications, and alerts that ended meanwhile. */
  adopt(rows: readonly AlertState[], now: number): void {
    const adopted = new Set<string>();
    for (const row of rows) {
      // Two instances that did not hear each other may have stored the same problem.
      if (row.endedAt === null && adopted.has(row.key)) {
        this.#add({ ...row, endedAt: now, muted: true });
        this.#unsaved.add(this.#all.get(row.id) as AlertState);
        continue;
      }
      if (row.endedAt === null) adopted.add(row.key);
      const own = row.endedAt === null ? this.#lasting.get(row.key) : this.#all.get(row.id);
      if (own) {
        if (own.id === row.id) continue;
        this.#forget(own);
        const { severity, message, hint, lastActiveAt } = own;
        const merged = { ...row, severity, message, hint, lastActiveAt, sent: { ...row.sent, ...own.sent } };
        this.#add(merged);
        this.#unsaved.add(merged);
      } else if (this.#all.size < MAX_ALERTS) this.#add({ ...row, lastActiveAt: now });
    }
  }

  /** Alerts with changes that are not stored. They count as stored until `unsaved` is called for them again. */
  takeUnsaved(limit: number): AlertState[] {
    const taken = [...this.#unsaved].slice(0, limit);
    for (const alert of taken) this.#unsaved.delete(alert);
    return taken;
  }

  unsaved(alerts: readonly AlertState[]): void {
    for (const alert of alerts) if (this.#all.has(alert.id)) this.#unsaved.add(alert);
  }

  /** Forgets alerts that are stored and settled; an instance that does not deliver forgets all that have ended. */
  sweep(isDelivering: boolean): void {
    for (const alert of this.#all.values()) {
      if (alert.endedAt === null) continue;
      if (!isDelivering || (this.isSettled(alert) && !this.#unsaved.has(alert))) this.#forget(alert);
    }
  }

  #begin({ key, rule, severity, subject, message, hint }: Report, now: number): void {
    if (this.#all.size >= MAX_ALERTS && !this.#makeRoom()) {
      this.refusedTotal++;
      return;
    }
    const alert: AlertState = {
      id: randomUUID(),
      key,
      rule,
      severity,
      subject: subject.slice(0, MAX_TEXT),
      message: message.slice(0, MAX_TEXT),
      hint: hint.slice(0, MAX_TEXT),
      startedAt: now,
      lastActiveAt: now,
      endedAt: null,
      muted: false,
      sent: {},
    };
    this.#add(alert);
    this.#unsaved.add(alert);
    this.#options.timeline?.add({ type: 'alert.began', subject: key, message: alert.message }, now);
    this.#options.observe({ type: 'metrics.alert_began', key, severity, message: alert.message });
  }

  /** The alert that ended first makes room for a new one. One that lasts never does. */
  #makeRoom(): boolean {
    for (const alert of this.#all.values()) {
      if (alert.endedAt === null) continue;
      this.#forget(alert);
      return true;
    }
    return false;
  }

  #add(alert: AlertState): void {
    this.#all.set(alert.id, alert);
    if (alert.endedAt === null) this.#lasting.set(alert.key, alert);
  }

  #forget(alert: AlertState): void {
    this.#all.delete(alert.id);
    this.#unsaved.delete(alert);
    if (this.#lasting.get(alert.key) === alert) this.#lasting.delete(alert.key);
  }
}
