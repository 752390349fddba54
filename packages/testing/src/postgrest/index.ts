/**
 * PostgREST's specifications as requests to a gateway: every group of requests that once differed (DELIBERATE ones are in
 * services/gateway/COMPATIBILITY.md). Each request is rolled back unless it prefers tx=commit, as in PostgREST's own set-up.
 */
import { aggregateCases } from './cases/aggregates.ts';
import { functionCases, nothingCommitted } from './cases/functions.ts';
import { httpCases } from './cases/http.ts';
import { mediaCases } from './cases/media.ts';
import { relationshipCases } from './cases/relationships.ts';
import { representationCases } from './cases/representations.ts';
import { settingCases } from './cases/settings.ts';
import { tokenCases } from './cases/tokens.ts';
import { writeCases } from './cases/writes.ts';

export type { PostgrestCase } from './case.ts';
export { type Gateways, nameOf, type Played, passedPercent, playCases } from './play.ts';
export { POSTGREST_SQL } from './schema.ts';

export const POSTGREST_CASES = [
  ...functionCases,
  ...writeCases,
  ...relationshipCases,
  ...aggregateCases,
  ...representationCases,
  ...mediaCases,
  ...settingCases,
  ...tokenCases,
  ...httpCases,
  nothingCommitted,
];

export const POSTGREST_ENV = {
  DB_SCHEMAS: 'test',
  DB_EXTRA_SEARCH_PATH: 'public,extensions',
  DB_TX_END: 'rollback-allow-override',
  JWT_ROLES: 'anon,authenticated',
  APP_SETTINGS_NAME: 'harbour',
};
export const PRE_REQUEST_ENV = { ...POSTGREST_ENV, DB_PRE_REQUEST: 'test.before_each' };
