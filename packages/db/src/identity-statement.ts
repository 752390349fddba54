/** The statement that puts a transaction under an identity, for as long as the transaction lasts. */
import { errors } from './errors.ts';
import { type EncodedStatement, encodeStatement } from './param.ts';
import type { Identity } from './types.ts';

/** Postgres's own settings that a request may choose: how names and times read, not what may be done. */
const PLAIN_SETTINGS = new Set(['search_path', 'TimeZone']);

/**
 * One text for each number of extra settings, so that it is prepared once a connection. `extra` is more columns of it.
 * Throws DB_ROLE_REFUSED and DB_SETTING_REFUSED.
 */
export function identityStatement(identity: Identity, extra = ''): EncodedStatement {
  const { claims, role, settings } = identity;
  // To Postgres, the role "none" is the user that logged in, who may do everything.
  if (role === 'none' || role === '') throw errors.ROLE_REFUSED({ role });
  const params: string[] = [claims, role];
  let more = '';
  if (settings !== undefined) {
    for (const [name, value] of Object.entries(settings)) {
      // Without a dot it is one of Postgres's own, such as `role` once more.
      if (!name.includes('.') && !PLAIN_SETTINGS.has(name)) throw errors.SETTING_REFUSED({ name });
      more += `set_config($${params.length + 1}, $${params.length + 2}, true), `;
      params.push(name, value);
    }
  }
  const text = `select set_config('request.jwt.claims', $1, true), ${more}set_config('role', $2, true)${extra}`;
  return encodeStatement({ text, params });
}
