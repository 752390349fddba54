import { errors } from '../errors.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import { literal } from '../sql/quote.ts';
import type { Identity } from '../types.ts';

/** The next statement takes its snapshot later, so this xmin is a lower bound of its own. */
export const XMIN = ', pg_snapshot_xmin(pg_current_snapshot())::text as xmin';

/** Settings that change rights, or that the transaction sets itself. Others may come from ALTER ROLE … SET. */
const REFUSED_SETTINGS = /^(role|session_authorization|row_security|statement_timeout|(default_)?transaction_\w+)$/i;

export interface TransactionParts {
  readonly extra?: string;
  /** The time limit of each statement. */
  readonly timeoutMs?: number | undefined;
  /** Settings of the session, which a pooler does not keep. */
  readonly session?: Readonly<Record<string, string>> | undefined;
}

const settingsSql = (session: Readonly<Record<string, string>>): string =>
  Object.entries(session)
    .map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, true)`)
    .join(', ');

/** Returns the settings of a transaction of the pool's own user behind a pooler. */
export const sessionStatement = (session: Readonly<Record<string, string>>, timeoutMs: number): EncodedStatement =>
  encodeStatement({ text: `select ${settingsSql({ ...session, statement_timeout: String(timeoutMs) })}` });

/** The text depends only on the number of settings, so it is prepared once. `timeoutMs` is that of the transaction. */
export function identityStatement(
  identity: Identity,
  { extra = '', timeoutMs, session }: TransactionParts = {},
): EncodedStatement {
  const params = identityParams(identity);
  // The settings of the identity come later, and have precedence.
  let more = session === undefined ? '' : `${settingsSql(session)}, `;
  for (let at = 2; at < params.length; at += 2) more += `set_config($${at + 1}, $${at + 2}, true), `;
  if (timeoutMs !== undefined) {
    params.push(String(timeoutMs));
    more += `set_config('statement_timeout', $${params.length}, true), `;
  }
  const text = `select set_config('request.jwt.claims', $1, true), ${more}set_config('role', $2, true)${extra}`;
  return encodeStatement({ text, params });
}

export function firstStatement({ before }: Identity): EncodedStatement[] {
  return before === undefined ? [] : [encodeStatement({ text: before })];
}

/**
 * A pipeline has no BEGIN READ ONLY, so this sets transaction_read_only; no later statement can take that back. The
 * settings form a condition that is false, so that no row is returned; with `wantsXmin` it is true, with one row.
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

/** Texts by number of parameters, which is bounded by the settings that this system gives. */
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

function identityParams({ claims, role, settings }: Identity): string[] {
  // For Postgres, the role "none" is the user that logged in, who has all rights.
  if (role === 'none' || role === '') throw errors.ROLE_REFUSED({ role });
  const params = [claims, role];
  if (settings === undefined) return params;
  for (const name in settings) {
    if (REFUSED_SETTINGS.test(name)) throw errors.SETTING_REFUSED({ name });
    params.push(name, settings[name] as string);
  }
  return params;
}
