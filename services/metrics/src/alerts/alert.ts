/**
 * An alert is one problem from its beginning to its end, with what each receiver was told about it.
 *
 *   lasting ──quiet for METRICS_ALERT_QUIET_MS──► ended ──every receiver was told──► settled
 *
 * `owes` decides what a receiver must be told next. It depends on nothing but the alert, so the alerts themselves are the outbox.
 */
import type { Severity } from '@tidemark/contracts';

export interface Told {
  state: 'firing' | 'resolved';
  severity: Severity;
  /** ms since 1970. */
  at: number;
}

export interface AlertState {
  readonly id: string;
  readonly key: string;
  readonly rule: string;
  severity: Severity;
  readonly subject: string;
  message: string;
  hint: string;
  /** ms since 1970, as the other times. */
  startedAt: number;
  /** The newest time at which it was known to last. */
  lastActiveAt: number;
  endedAt: number | null;
  /** It ended during a silence, so receivers that do not know of it are not told. */
  muted: boolean;
  /** Maps the name of each receiver to its last notification. */
  sent: Record<string, Told>;
}

export type Silenced = (alert: Pick<AlertState, 'rule' | 'key'>) => boolean;

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export const isWorse = (severity: Severity, than: Severity): boolean => RANK[severity] > RANK[than];

/** True if a receiver must be notified: it does not know the alert, its end or its severity, or was notified `repeatMs` ago. */
export function owes(
  alert: AlertState,
  receiver: string,
  now: number,
  repeatMs: number,
  isSilenced: Silenced,
): boolean {
  const told = alert.sent[receiver];
  // A receiver that knows of a problem is always notified of its end, else an incident stays open.
  if (alert.endedAt !== null) return told ? told.state === 'firing' : !alert.muted;
  if (isSilenced(alert)) return false;
  return !told || isWorse(alert.severity, told.severity) || now - told.at >= repeatMs;
}

/** True once the alert has ended and no receiver must be told anything. */
export function isSettled(alert: AlertState, receivers: readonly string[]): boolean {
  return (
    alert.endedAt !== null && !receivers.some((name) => owes(alert, name, 0, Number.POSITIVE_INFINITY, () => false))
  );
}
