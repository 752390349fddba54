/** Errors of the operators' requests. */
import { defineErrors, row } from '@tidemark/contracts';

export const explanationErrors = defineErrors('RT', {
  SUB_UNKNOWN: row<{ sub: string }>({
    status: 404,
    message: (p) => `there is no subscription ${p.sub}`,
    hint: 'GET /api/v1/performance/live lists the subscriptions. Their names change when a client reconnects.',
  }),
  SUB_ENDED: row<{ sub: string; at: string; reason: string }>({
    status: 410,
    message: (p) => `the subscription ${p.sub} ended at ${p.at}: ${p.reason}`,
    hint: 'The client subscribes again, with a snapshot. GET /api/v1/performance/live lists the subscriptions.',
  }),
  SUB_OTHER_TABLE: row<{ sub: string; follows: string; table: string }>({
    status: 400,
    message: (p) => `the subscription ${p.sub} follows ${p.follows}, not ${p.table}`,
    hint: (p) => `Ask for ${p.follows}, or for a subscription to ${p.table}.`,
  }),
  KEY_INVALID: row<{ key: string; columns: string }>({
    status: 400,
    message: (p) => `"${p.key}" is not a key of the columns (${p.columns})`,
    hint: 'Give the values of these columns in this order, as in the JSON of rows, separated by commas. Put a value with a comma, a parenthesis or a quote in double quotes.',
  }),
  KEY_MISSING: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key by which to find the changes of a row`,
    hint: 'Add a primary key.',
  }),
  KEY_NOT_CHANGED: row<{ key: string; table: string; since: string; through: string }>({
    status: 404,
    message: (p) => `no change of the row ${p.key} of ${p.table} is in this instance’s memory (${p.since})`,
    details: (p) => `this instance has every change up to the tidemark ${p.through}`,
    hint: 'Check that the row was committed under this key. If its Tidemark is later, see the lag of the relay. Older changes are dropped (RING_MS, RING_BYTES): write the row again.',
  }),
});
