import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('METRICS', {
  COLLECTOR_FAILED: row<{ name: string; reason: string }>({
    status: 503,
    message: (p) => `the collector "${p.name}" failed: ${p.reason}`,
    hint: 'It retries by itself; the log has the cause.',
  }),
  COLLECTOR_TIMEOUT: row<{ name: string; timeoutMs: number }>({
    status: 503,
    message: (p) => `the collector "${p.name}" did not finish within ${p.timeoutMs} ms`,
    hint: 'It retries by itself. Check whether its server is overloaded or unreachable.',
  }),
  STATEMENTS_UNAVAILABLE: row<{ reason: string }>({
    status: 503,
    message: (p) => `pg_stat_statements cannot be read: ${p.reason}`,
    hint: "Set shared_preload_libraries = 'pg_stat_statements', restart Postgres, and run `npx --no -- tidemark statements enable` as a superuser (or infra/postgres/statements.sql); the user of DATABASE_URL needs the role pg_monitor.",
    retryAfter: 5,
  }),
  STATEMENTS_NOT_YET: row({
    status: 503,
    message: 'pg_stat_statements has not been read since the start',
    hint: 'Try again in a few seconds; GET /api/v1/performance/health shows the state of the collector "postgres statements".',
    retryAfter: 2,
  }),
  POSTGRES_UNREACHABLE: row<{ reason: string }>({
    status: 503,
    message: (p) => p.reason,
    hint: 'The service retries every 2 s. Check that Postgres is running at DATABASE_URL, and that the database has been migrated.',
    retryAfter: 2,
  }),
  WEBHOOK_FAILED: row<{ host: string; reason: string; retryAfter?: number }>({
    status: 502,
    message: (p) => `${p.host} did not accept the request: ${p.reason}`,
    hint: 'It is repeated. Check METRICS_ALERT_SLACK_URLS, METRICS_ALERT_WEBHOOK_URLS or METRICS_HEARTBEAT_URL; POST /api/v1/performance/alerts/test sends a test.',
    retryAfter: (p) => p.retryAfter ?? 0,
  }),
  WEBHOOK_URL: row<{ setting: string; host: string }>({
    status: 500,
    message: (p) => `${p.setting} has an address (${p.host}) that is no http or https URL`,
    hint: 'Write whole URLs, separated by commas: https://hooks.slack.com/services/…',
  }),
  ALERTS_NOT_STORED: row<{ reason: string }>({
    status: 503,
    message: (p) => `Postgres, which stores silences, cannot be used: ${p.reason}`,
    hint: 'Alerts are delivered without Postgres, but a silence cannot be changed until it answers.',
    retryAfter: 5,
  }),
  SILENCE_TOO_WIDE: row({
    status: 400,
    message: 'a silence names neither a rule nor the key of an alert',
    hint: 'Send {"rule": "replica.lag", …} or {"key": "…", …}, as GET /api/v1/performance/alerts lists them; "*" silences every alert.',
  }),
  SILENCE_UNKNOWN: row<{ id: string }>({
    status: 404,
    message: (p) => `there is no silence "${p.id}"`,
    hint: 'It may have ended; GET /api/v1/performance/alerts lists those that last.',
  }),
  ANALYZE_OFF: row({
    status: 503,
    message: 'statements cannot be analysed: METRICS_ANALYZE_URL is not set',
    hint: 'Set it to the URL of the primary with the login tidemark_analyze, which infra/postgres/roles.sql makes.',
  }),
  ANALYZE_BUSY: row<{ reason: string }>({
    status: 503,
    message: (p) => `no analysis can begin: ${p.reason}`,
    hint: 'Try again when it has ended; each takes at most 5 s.',
    retryAfter: 2,
  }),
  ANALYZE_LOGIN: row({
    status: 503,
    message: 'the login of METRICS_ANALYZE_URL may do too much to run texts of others',
    hint: 'Use the login tidemark_analyze of infra/postgres/roles.sql: no superuser, and without BYPASSRLS, CREATEROLE, CREATEDB and REPLICATION.',
  }),
  ANALYZE_ROLE: row<{ role: string }>({
    status: 403,
    message: (p) => `statements are not analysed as the role "${p.role}", which bypasses row-level security`,
    hint: 'Send the token of another role in "as".',
  }),
  ANALYZE_STATEMENT: row({
    status: 400,
    message: 'send either "query" or "fingerprint"',
    hint: '"fingerprint" is the id of a statement in GET /api/v1/performance/queries/stats.',
  }),
  ANALYZE_FINGERPRINT: row<{ id: string }>({
    status: 404,
    message: (p) => `no instance knows the whole text of the statement ${p.id}`,
    hint: 'Instances keep the statements that they ran lately, up to 16 KB each: GET /api/v1/performance/queries/stats lists them.',
  }),
  ANALYZE_REFUSED: row<{ state: string; reason: string }>({
    status: 400,
    message: (p) => `Postgres refuses to plan it: ${p.reason} (${p.state})`,
    hint: 'Send one SELECT (or VALUES, TABLE, WITH) that the role of "as", or your own, may run; values stand as $1, $2, ….',
  }),
  ANALYZE_VOLATILE: row<{ name: string }>({
    status: 400,
    message: (p) => `the statement calls the volatile function ${p.name}`,
    hint: 'A function that may act is not analysed. Leave it out, or analyse the statement inside it.',
  }),
  ANALYZE_WRITES: row<{ relation: string }>({
    status: 400,
    message: (p) => `the statement writes or locks rows of ${p.relation}`,
    hint: 'Analyse the SELECT that finds the rows. Writes of our services are analysed by their fingerprint, without running them.',
  }),
  ANALYZE_FOREIGN: row({
    status: 400,
    message: 'only statements that our services ran are run and measured',
    hint: 'Send "fingerprint" in place of "query", or leave "run" out: the plan alone needs no run.',
  }),
  ANALYZE_POLICY: row<{ reason: string }>({
    status: 403,
    message: (p) => `the statement is not run: ${p.reason}`,
    hint: 'Counts and times would tell about rows that the caller may not see. Leave "run" out, or name in "as" a role without policies there.',
  }),
  ANALYZE_PARAMS: row<{ given: number; wanted: readonly string[] }>({
    status: 400,
    message: (p) =>
      `the statement has ${p.wanted.length} parameters (${p.wanted.join(', ')}), and "params" has ${p.given}`,
    hint: 'Send each value as text, or null.',
  }),
  ACTIONS_OFF: row({
    status: 403,
    message: 'this service carries out no remedies: METRICS_ACTIONS is off',
    hint: 'Run the SQL of the finding in psql, or set METRICS_ACTIONS=on.',
  }),
  ACTION_ROLE: row<{ role: string }>({
    status: 403,
    message: (p) => `the role "${p.role}" may not carry out remedies`,
    hint: 'Use a token whose role claim is ops.',
  }),
  ACTION_TOKEN: row({
    status: 409,
    message: 'the token confirms no remedy of a finding that lasts',
    hint: 'Tokens are valid for two minutes, and while their finding lasts: GET /api/v1/performance/findings has the present ones.',
  }),
  ACTION_FAILED: row<{ state: string; reason: string }>({
    status: 409,
    message: (p) => `Postgres has refused or cancelled the remedy: ${p.reason} (${p.state})`,
    hint: 'For 42501, grant the role ops the right, such as: grant pg_signal_backend, pg_read_all_stats to ops with inherit true (before Postgres 16 without it, and alter role ops inherit). Else run the SQL in psql.',
  }),
  ACTION_NOT_STORED: row<{ reason: string }>({
    status: 503,
    message: (p) => `nothing was done, because it could not be recorded: ${p.reason}`,
    hint: 'Run the SQL of the finding in psql, or try again once tidemark.actions can be written.',
    retryAfter: 5,
  }),
  CERTIFICATE_URL: row<{ url: string }>({
    status: 500,
    message: (p) => `METRICS_CERTIFICATE_URLS has "${p.url}", which is no address of a certificate`,
    hint: 'Write https://host:port, tls://host:port or postgres://host:port, separated by commas, without a user and password.',
  }),
  THRESHOLDS: row<{ path: string; reason: string }>({
    status: 500,
    message: (p) => `METRICS_THRESHOLDS_FILE=${p.path} cannot be used: ${p.reason}`,
    hint: 'It is a JSON object such as {"poolWaitMs": 200}; REFERENCE.md lists the names. Empty: the defaults.',
  }),
  CANNOT_LISTEN: row<{ host: string; port: number; reason: string }>({
    status: 500,
    message: (p) => `cannot listen on ${p.host}:${p.port}: ${p.reason}`,
    hint: 'Stop the process that uses the port, or set PORT (and HOST); PORT=0 takes any free port.',
  }),
  NATS_UNREACHABLE: row<{ reason: string }>({
    status: 503,
    message: (p) => p.reason,
    hint: 'The service reconnects automatically. Check that nats-server is running at NATS_URL.',
  }),
  TOKEN_MISSING: row({
    status: 401,
    message: 'the performance API needs a token',
    hint: 'Send Authorization: Bearer <token> with the role ops or service_role. That of `npm start` is "ops" in .tidemark/credentials.json.',
  }),
  ROLE_REFUSED: row<{ role: string }>({
    status: 403,
    message: (p) => `the role "${p.role}" may not use the performance API`,
    hint: 'Use a token whose role claim is ops or service_role: the one that `npm start` prints, "ops" in .tidemark/credentials.json.',
  }),
  STREAM_TOPIC: row<{ topic: string; known: string }>({
    status: 400,
    message: (p) => `the event stream has no topic "${p.topic}"`,
    hint: (p) => `Use some of ${p.known}, or leave \`topics\` out.`,
  }),
  CONSOLE_CODE: row({
    status: 401,
    message: 'the code of the link is unknown, or has been used or expired',
    hint: 'A code serves once, within ten minutes: `npx --no -- tidemark console` prints a new link, `examples` one to the example pages.',
  }),
  STREAM_FULL: row<{ limit: number }>({
    status: 503,
    message: (p) => `the event stream has ${p.limit} clients, which is its limit`,
    hint: 'Close an unused console, or raise METRICS_STREAM_CLIENTS_MAX.',
    retryAfter: 10,
  }),
  LIVE_SUB: row<{ sub: string }>({
    status: 400,
    message: (p) => `"${p.sub}" is not the name of a subscription`,
    hint: 'The form is <instance>/<number of the socket>/<id from the client>; GET /api/v1/performance/live lists the names.',
  }),
  LIVE_INSTANCE: row<{ instance: string }>({
    status: 404,
    message: (p) => `no realtime instance "${p.instance}" answers`,
    hint: 'Its subscriptions ended with it, and their clients have subscribed again; GET /api/v1/performance/live lists the new ones.',
  }),
  LIVE_CURSOR: row<{ after: string }>({
    status: 400,
    message: (p) => `after="${p.after}" is not a cursor`,
    hint: 'Send the "next" of the previous page, unchanged.',
  }),
  POINTS_TOO_MANY: row<{ count: number; limit: number }>({
    status: 400,
    message: (p) => `the response would have ${p.count} points; the limit is ${p.limit}`,
    hint: 'Ask for fewer series, a later "from" or a longer "step".',
  }),
});
