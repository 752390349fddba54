import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('METRICS', {
  COLLECTOR_FAILED: row<{ name: string; reason: string }>({
    status: 503,
    message: (p) => `the collector "${p.name}" failed: ${p.reason}`,
    hint: 'It tries again by itself; the log has the cause.',
  }),
  COLLECTOR_TIMEOUT: row<{ name: string; timeoutMs: number }>({
    status: 503,
    message: (p) => `the collector "${p.name}" had no answer within ${p.timeoutMs} ms`,
    hint: 'It tries again by itself. Is the server that it asks overloaded, or unreachable?',
  }),
  STATEMENTS_UNAVAILABLE: row<{ reason: string }>({
    status: 503,
    message: (p) => `pg_stat_statements cannot be read: ${p.reason}`,
    hint: "Set shared_preload_libraries = 'pg_stat_statements', restart Postgres, and run `npx tidemark statements enable` as a superuser (or infra/postgres/statements.sql); the user of DATABASE_URL needs the role pg_monitor.",
    retryAfter: 5,
  }),
  STATEMENTS_NOT_YET: row({
    status: 503,
    message: 'the statements have not been read yet',
    hint: 'Try again in a few seconds; the health answer shows the state of the collector "postgres statements".',
    retryAfter: 2,
  }),
  POSTGRES_UNREACHABLE: row<{ reason: string }>({
    status: 503,
    message: (p) => p.reason,
    hint: 'It is tried again every 2 s. Is Postgres running where DATABASE_URL says, and has the database been migrated?',
    retryAfter: 2,
  }),
  CANNOT_LISTEN: row<{ host: string; port: number; reason: string }>({
    status: 500,
    message: (p) => `cannot listen on ${p.host}:${p.port}: ${p.reason}`,
    hint: 'Stop what uses the port, or set PORT (and HOST) to another one; PORT=0 takes any free one.',
  }),
  NATS_UNREACHABLE: row<{ reason: string }>({
    status: 503,
    message: (p) => p.reason,
    hint: 'It reconnects by itself once nats-server answers at NATS_URL. Is it running?',
  }),
  TOKEN_MISSING: row({
    status: 401,
    message: 'performance figures need a token',
    hint: 'Send Authorization: Bearer <token> with the role ops or service_role. `npm start` prints the ops token; it is "ops" in .tidemark/credentials.json.',
  }),
  ROLE_REFUSED: row<{ role: string }>({
    status: 403,
    message: (p) => `the role "${p.role}" may not see performance figures`,
    hint: 'Use a token whose role claim is ops or service_role: the one that `npm start` prints, "ops" in .tidemark/credentials.json.',
  }),
  STREAM_FULL: row<{ limit: number }>({
    status: 503,
    message: (p) => `${p.limit} clients follow the stream already`,
    hint: 'Close a console that nobody looks at, or raise METRICS_STREAM_CLIENTS_MAX.',
    retryAfter: 10,
  }),
  LIVE_SUB: row<{ sub: string }>({
    status: 400,
    message: (p) => `"${p.sub}" names no subscription`,
    hint: 'Names are <instance>/<number of the socket>/<the client’s id>; GET /api/v1/performance/live lists them.',
  }),
  LIVE_INSTANCE: row<{ instance: string }>({
    status: 404,
    message: (p) => `no realtime instance "${p.instance}" answers`,
    hint: 'Its subscriptions ended with it; their clients have others now, which GET /api/v1/performance/live lists.',
  }),
  LIVE_CURSOR: row<{ after: string }>({
    status: 400,
    message: (p) => `after="${p.after}" goes on from nowhere`,
    hint: 'Send back the "next" of the page before, unchanged.',
  }),
  SERIES_TOO_MANY: row<{ asked: number; limit: number }>({
    status: 400,
    message: (p) => `series matches ${p.asked} series, more than ${p.limit}`,
    hint: 'Name the ones you need, as in series=http.requests@gateway/*,postgres.active.',
  }),
});
