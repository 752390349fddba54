/** The errors of this service. Codes are `RT_` and the name; PROTOCOL.md lists those that clients receive. */
import { defineErrors, row } from '@tidemark/contracts';
import { channelErrors } from './errors/channel-errors.ts';
import { explanationErrors } from './errors/explanation-errors.ts';
import { queryErrors } from './errors/query-errors.ts';
import { relayErrors } from './errors/relay-errors.ts';
import { socketErrors } from './errors/socket-errors.ts';

export const errors = { ...relayErrors, ...queryErrors, ...socketErrors, ...channelErrors, ...explanationErrors };

/** Errors with Postgres's own code, as in the answer to a GET of the same query. */
export const postgresErrors = defineErrors('', {
  '42501': row<{ schema: string; table: string; role: string; column?: string }>({
    status: 403,
    message: (p) =>
      p.column === undefined
        ? `permission denied for table ${p.table}`
        : `permission denied for column ${p.column} of table ${p.table}`,
    details: (p) => `role ${p.role}, table ${p.schema}.${p.table}`,
    hint: (p) =>
      `grant select${p.column === undefined ? '' : ` (${p.column})`} on ${p.schema}.${p.table} to ${p.role};`,
  }),
});
