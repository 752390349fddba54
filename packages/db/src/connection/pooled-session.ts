/**
 * A pooler in transaction mode (PgBouncer) gives a session of the server to one client for one transaction. It keeps no
 * start-up settings and no prepared statements, so each transaction sets for itself what a session of ours would have.
 */
import { VALUE_TEXTS } from './driver-options.ts';
import type { ConnectionTarget } from './url.ts';

/** The pooler takes the first; the transaction sets the role and the time limit; the last is no setting. */
const APART = new Set(['application_name', 'role', 'statement_timeout', 'options']);

export function transactionSettings(
  target: Pick<ConnectionTarget, 'settings'>,
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const all = { datestyle: 'ISO', ...target.settings, ...VALUE_TEXTS, ...settings };
  return Object.freeze(Object.fromEntries(Object.entries(all).filter(([name]) => !APART.has(name))));
}
