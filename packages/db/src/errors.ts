import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('DB', {
  POOL_FULL: row<{ pool: string; waiting: number; max: number }>({
    status: 503,
    message: (p) => `the "${p.pool}" pool is full: ${p.max} connections busy, ${p.waiting} requests waiting`,
    hint: 'Try again after Retry-After. If it lasts: find slow statements on the dashboard, or raise max or waitingLimit.',
    retryAfter: 1,
  }),
  ACQUIRE_TIMEOUT: row<{ pool: string; waitedMs: number; problem: string | undefined }>({
    status: 503,
    message: (p) => `no connection of the "${p.pool}" pool became free within ${Math.round(p.waitedMs)} ms`,
    details: (p) => p.problem ?? 'all of them are busy',
    publicDetails: (p) => (p.problem === undefined ? 'all of them are busy' : 'the database cannot be reached'),
    hint: 'Try again after Retry-After. If it lasts: find slow statements or leaks on the dashboard, or raise max.',
    retryAfter: 1,
  }),
  CLIENT_GONE: row({
    status: 499,
    message: 'the client closed its connection before the answer',
    hint: 'Its statement was cancelled, and uncommitted changes were rolled back.',
  }),
  TRANSACTION_TIMEOUT: row<{ ms: number }>({
    status: 504,
    message: (p) => `the statements of the transaction took more than ${p.ms} ms together`,
    hint: 'Nothing was changed. Send fewer operations at once, or have the limit of the role raised (STATEMENT_TIMEOUTS).',
  }),
  POOL_CLOSED: row<{ pool: string }>({
    status: 503,
    message: (p) => `the "${p.pool}" pool is closed`,
    hint: 'This instance is stopping; another one will answer.',
    retryAfter: 1,
  }),
  POOL_OPTION: row<{ pool: string; option: string; value: unknown; rule: string }>({
    status: 500,
    message: (p) => `${p.option} of the "${p.pool}" pool is ${String(p.value)}`,
    hint: (p) => `It must be ${p.rule}.`,
  }),
  CONNECT_FAILED: row<{ server: string; reason: string }>({
    status: 503,
    message: (p) => `cannot connect to ${p.server}: ${p.reason}`,
    publicMessage: 'the database cannot be reached',
    hint: 'See that the server runs and accepts connections from here, and that the address and password are right.',
    retryAfter: 1,
  }),
  POOLER: row<{ server: string; reason: string }>({
    status: 500,
    message: (p) => `${p.server} is a connection pooler, not Postgres: ${p.reason}`,
    hint: 'Set DATABASE_DIRECT_URL to the address of Postgres itself: the relay, watchers and migrations need it, and requests then use the pooler at DATABASE_URL. Or set DATABASE_URL to it: Tidemark has pools of its own.',
  }),
  CONNECTION_LOST: row<{ pool: string; reason: string; sent: string }>({
    status: 503,
    message: (p) => `a connection of the "${p.pool}" pool was lost: ${p.reason}`,
    publicMessage: (p) => `a connection of the "${p.pool}" pool was lost`,
    details: (p) => p.sent,
    hint: 'Try again. A write whose COMMIT had been sent may have happened: read first, or use an Idempotency-Key.',
    retryAfter: 1,
  }),
  STATEMENT_OVERRUN: row<{ pool: string; ms: number }>({
    status: 504,
    message: (p) => `the server had not answered after ${Math.round(p.ms)} ms; its connection was discarded`,
    details: (p) => `pool "${p.pool}"`,
    hint: 'The server is paused, cut off or overloaded, or its statement_timeout was overridden. See its log.',
  }),
  ANSWER_BYTES: row<{ bytes: number; maximum: number }>({
    status: 400,
    message: (p) => `the answer has at least ${p.bytes} bytes; the limit is ${p.maximum}`,
    hint: 'Ask for less: fewer columns or embedded rows, limit, or pages with after=. Accept: text/csv and application/x-ndjson stream rows without this limit.',
  }),
  ANSWER_BYTES_WRITE: row<{ reason: string }>({
    status: 500,
    message: (p) => `${p.reason}, so it was not read; whether the write was committed is unknown`,
    hint: 'Read what is there before you repeat it, or repeat it with the same Idempotency-Key. Prefer: return=minimal has a short answer.',
  }),
  ANSWERS_FULL: row<{ bytes: number; maximum: number; share: boolean }>({
    status: 503,
    message: (p) =>
      p.share
        ? `the answers of this identity take its share of the ${p.maximum} bytes for answers`
        : `answers of ${p.bytes} bytes are being read and sent; the limit is ${p.maximum}`,
    hint: 'Try again after Retry-After, or ask for less: fewer rows or columns, or pages with after=.',
    retryAfter: 1,
  }),
  LANE_PROTOCOL: row<{ type: string }>({
    status: 503,
    message: (p) => `unexpected message of type "${p.type}" in the answer of a read`,
    hint: 'The statement must be a read, and a proxy before Postgres must speak version 3 of its protocol.',
    retryAfter: 1,
  }),
  STREAM_PROTOCOL: row<{ type: number; length: number }>({
    status: 500,
    message: (p) => `unexpected message of type ${p.type} and ${p.length} bytes during COPY`,
    hint: 'A proxy before Postgres must speak version 3 of its protocol. Connect to the server itself.',
  }),
  STREAM_STALLED: row<{ ms: number }>({
    status: 503,
    message: (p) => `the stream was not read for ${p.ms} ms; its connection was freed`,
    hint: 'Read continuously, or ask for less: a filter, fewer columns, or pages by keyset.',
  }),
  STREAM_ABORTED: row({
    status: 499,
    message: 'the stream was aborted by its reader',
    hint: 'Its connection is free again. Send the request again if that was not intended.',
  }),
  STREAM_REQUEST: row<{ reason: string }>({
    status: 400,
    message: (p) => `this cannot be streamed: ${p.reason}`,
    hint: 'Give one SELECT without a semicolon, and limits that are whole numbers of 1 or more.',
  }),
  LEASE_RECLAIMED: row<{ pool: string; ms: number }>({
    status: 500,
    message: (p) => `a transaction of the "${p.pool}" pool was open for ${Math.round(p.ms)} ms and was taken back`,
    hint: 'Nothing but statements belongs between BEGIN and COMMIT; see the leak report for where it was opened.',
  }),
  TRANSACTION_OVER: row<{ pool: string }>({
    status: 500,
    message: (p) => `a statement was sent on a transaction of the "${p.pool}" pool after its end`,
    hint: 'Await every tx.query() inside the function that is given to transaction().',
  }),
  TRANSACTION_ABORTED: row<{ pool: string }>({
    status: 500,
    message: (p) => `COMMIT was answered with ROLLBACK in the "${p.pool}" pool: an earlier statement had failed`,
    hint: 'Let the error of a failed statement leave the function that is given to transaction(); use savepoints to go on.',
  }),
  EPOCH_CHANGED: row<{ asked: string; current: string }>({
    status: 412,
    message: (p) => `the tidemark is of epoch "${p.asked}", and "${p.current}" is in force`,
    hint: 'The history was broken (a restored backup, a lost slot). Drop the old tidemark, and read or subscribe afresh.',
  }),
  PRIMARY_CHANGED: row<{ pool: string }>({
    status: 503,
    message: (p) => `the primary changed while a write of the "${p.pool}" pool was under way; it may be lost`,
    hint: 'Read first, then try again; or send an Idempotency-Key with the write.',
    retryAfter: 1,
  }),
  TIDEMARK_AHEAD: row<{ asked: string; current: string }>({
    status: 400,
    message: (p) => `the tidemark ${p.asked} lies ahead of the database, which is at ${p.current}`,
    hint: 'Send back the Tidemark header of an earlier answer of this system, unchanged.',
  }),
  NOT_MIGRATED: row<{ server: string }>({
    status: 503,
    message: (p) => `the database ${p.server} has no epoch: Tidemark's schema is not there`,
    publicMessage: "the database has no epoch: Tidemark's schema is not there",
    hint: 'Run `npx --no -- tidemark migrate` with the same DATABASE_URL once, then start again.',
  }),
  ROLE_MISSING: row<{ role: string; user: string }>({
    status: 503,
    message: (p) => `the role "${p.role}" does not exist, or "${p.user}" may not SET ROLE to it`,
    details:
      'Roles belong to the server, not to the database: a restored dump comes without them, and its migrations count as applied.',
    hint: (p) =>
      `For a login of your own, run \`tidemark migrate --login ${p.user}\` as an administrator. After a restored dump, as a superuser: create role "${p.role}" nologin noinherit; grant "${p.role}" to "${p.user}"; and the same for anon, authenticated, service_role and ops. Then restore the dump again: its grants to roles that were not there are lost.`,
  }),
  LOGIN_RIGHTS: row<{ server: string; reason: string }>({
    status: 503,
    message: (p) => `the login lacks rights in ${p.server}: ${p.reason}`,
    hint: 'Run `tidemark migrate --login <role>` as an administrator: it gives a login of your own what the gateway needs.',
  }),
  LOGIN_UNKNOWN: row<{ login: string }>({
    status: 500,
    message: (p) => `no login role "${p.login}" exists`,
    hint: 'Create it (create role … login noinherit password …), or name another one.',
  }),
  MIGRATION_CHANGED: row<{ name: string; applied: string; found: string }>({
    status: 500,
    message: (p) => `the migration ${p.name} was changed after it had been applied`,
    details: (p) => `applied with checksum ${p.applied}, found ${p.found}`,
    hint: 'Restore the file as it was released, and put the change into a new migration.',
  }),
  SCHEMA_NEWER: row<{ name: string; newest: string }>({
    status: 500,
    message: (p) => `the database has the migration ${p.name}, which this version (up to ${p.newest}) does not know`,
    hint: 'A newer Tidemark has migrated this database: start that version or a later one.',
  }),
  SCHEMA_DRIFTED: row<{ server: string; missing: number; unexpected: number }>({
    status: 500,
    message: (p) =>
      `the schema "tidemark" on ${p.server} differs from the migrations: ${p.missing} objects are missing, ${p.unexpected} are unexpected`,
    hint: 'Undo the listed changes by hand; packages/db/schema.txt has the missing definitions. Put your own objects into another schema.',
  }),
  MIGRATION_FAILED: row<{ name: string; reason: string }>({
    status: 500,
    message: (p) => `the migration ${p.name} failed: ${p.reason}`,
    hint: (p) =>
      /permission denied to create role/.test(p.reason)
        ? 'It was rolled back as a whole. Run infra/postgres/roles.sql as an administrator, which makes the roles, and migrate again.'
        : 'It was rolled back as a whole. Remedy the cause that Postgres names, and migrate again.',
  }),
  MIGRATION_NAME: row<{ name: string }>({
    status: 500,
    message: (p) => `"${p.name}" is not a migration's file name, or its number is used twice`,
    hint: 'Name it <4 digits>_<words>.sql, with the next free number.',
  }),
  INVALID_URL: row<{ value: string; reason: string }>({
    status: 500,
    message: (p) => `"${p.value}" is not the address of a Postgres database: ${p.reason}`,
    hint: 'Write it as postgres://user:password@host:5432/database, with ?sslmode=… where TLS is wanted.',
  }),
  INVALID_IDENTIFIER: row<{ value: string }>({
    status: 400,
    message: (p) => `"${p.value.slice(0, 80)}" cannot be a name in SQL`,
    hint: 'A name has 1 to 63 bytes, none of them zero.',
  }),
  INVALID_PARAMETER: row<{ value: string; reason: string }>({
    status: 400,
    message: (p) => `the parameter ${p.value.slice(0, 80)} cannot be sent to Postgres: ${p.reason}`,
    hint: 'Postgres text holds no zero byte (\\u0000), and dates and numbers must be valid.',
  }),
  ROLE_REFUSED: row<{ role: string }>({
    status: 403,
    message: (p) => `"${p.role.slice(0, 80)}" cannot be the role of a request`,
    hint: 'Use a role that Tidemark may switch to: anon, authenticated, service_role, ops, or one granted to its user.',
  }),
  SETTING_REFUSED: row<{ name: string }>({
    status: 500,
    message: (p) => `"${p.name.slice(0, 80)}" cannot be a setting of an identity`,
    hint: 'Use search_path, TimeZone or a setting with a prefix, such as request.headers.',
  }),
  WAL_LEVEL: row<{ server: string; value: string }>({
    status: 500,
    message: (p) => `wal_level of ${p.server} is "${p.value}"; live changes need "logical"`,
    hint: "As a superuser: alter system set wal_level = 'logical'; then restart the server.",
  }),
  NO_REPLICATION: row<{ server: string; user: string }>({
    status: 500,
    message: (p) => `the role "${p.user}" on ${p.server} may not replicate; live changes need it`,
    hint: (p) => `As a superuser: alter role "${p.user}" replication; (on RDS: grant rds_replication to "${p.user}";)`,
  }),
  SERVER_TOO_OLD: row<{ server: string; version: string }>({
    status: 500,
    message: (p) => `${p.server} runs Postgres ${p.version}; 14 is the oldest that Tidemark supports`,
    hint: 'Upgrade the server, or point DATABASE_URL at a newer one.',
  }),
  IS_STANDBY: row<{ server: string }>({
    status: 500,
    message: (p) => `${p.server} is a standby: it takes no writes`,
    hint: 'Put the primary into DATABASE_URL, and this address into DATABASE_REPLICA_URLS.',
  }),
  TOO_FEW_CONNECTIONS: row<{ server: string; available: number; needed: number }>({
    status: 500,
    message: (p) => `${p.server} allows ${p.available} connections; the pools of this set-up may ask for ${p.needed}`,
    hint: 'Raise max_connections on the server (needs a restart), or lower max of the pools or the number of instances.',
  }),
});
