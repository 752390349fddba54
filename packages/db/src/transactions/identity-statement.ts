/** The statement that puts a transaction under an identity, for as long as the transaction lasts. */
import { errors } from '../errors.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import type { Identity } from '../types.ts';

/** A column: a statement's snapshot in the default isolation is taken after this one's, so this xmin is a lower bound of its own. */
export const XMIN = ', pg_snapshot_xmin(pg_current_snapshot())::text as xmin';

/** Postgres's own settings that a request may choose: how names and times read, not what may be done. */
const PLAIN_SETTINGS = new Set(['search_path', 'TimeZone']);

/**
 * One text for each number of extra settings, so that it is prepared once a connection. `extra` is more columns of it, `timeoutMs`
 * the statement_timeout of the transaction, where it is not that of the session.
 * Throws DB_ROLE_REFUSED and DB_SETTING_REFUSED.
 */
export function identityStatement(identity: Identity, extra = '', timeoutMs?: number): EncodedStatement {
  const params = identityParams(identity);
  let more = '';
  for (let at = 2; at < params.length; at += 2) more += `set_config($${at + 1}, $${at + 2}, true), `;
  if (timeoutMs !== undefined) {
    params.push(String(timeoutMs));
    more += `set_config('statement_timeout', $${params.length}, true), `;
  }
  const text = `select set_config('request.jwt.claims', $1, true), ${more}set_config('role', $2, true)${extra}`;
  return encodeStatement({ text, params });
}

/**
 * The same for the transaction of a pipeline, which has no BEGIN READ ONLY: it says so itself. Once a statement has run, Postgres lets
 * nobody take that back. The settings are a condition that is false, so that no row is made; `wantsXmin`: that is true, with one.
 */
export function pipelineIdentity(identity: Identity, wantsXmin: boolean): { text: string; params: string[] } {
  const params = identityParams(identity);
  const texts = wantsXmin ? XMIN_TEXTS : TEXTS;
  let text = texts[params.length];
  if (text === undefined) {
    text = pipelineText(params.length, wantsXmin);
    texts[params.length] = text;
  }
  return { text, params };
}

/** By number of parameters, which is bounded by the settings that this system gives. */
const TEXTS: string[] = [];
const XMIN_TEXTS: string[] = [];

function pipelineText(params: number, wantsXmin: boolean): string {
  const settings = ["'transaction_read_only', 'on'", "'request.jwt.claims', $1"];
  for (let at = 2; at < params; at += 2) settings.push(`$${at + 1}, $${at + 2}`);
  settings.push("'role', $2");
  const all = (test: string, join: string) => settings.map((one) => `set_config(${one}, true) ${test}`).join(join);
  if (wantsXmin) return `select pg_snapshot_xmin(pg_current_snapshot())::text where ${all('is not null', ' and ')}`;
  return `select where ${all('is null', ' or ')}`;
}

/** Claims, role, then name and value of each setting. */
function identityParams({ claims, role, settings }: Identity): string[] {
  // To Postgres, the role "none" is the user that logged in, who may do everything.
  if (role === 'none' || role === '') throw errors.ROLE_REFUSED({ role });
  const params = [claims, role];
  if (settings === undefined) return params;
  for (const name in settings) {
    // Without a dot it is one of Postgres's own, such as `role` once more.
    if (!name.includes('.') && !PLAIN_SETTINGS.has(name)) throw errors.SETTING_REFUSED({ name });
    params.push(name, settings[name] as string);
  }
  return params;
}
