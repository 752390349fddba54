import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('CLI', {
  CONSOLE: row<{ url: string; reason: string }>({
    status: 502,
    message: (p) => `${p.url} gives no code for the console: ${p.reason}`,
    hint: 'Check that `npm start` runs; the console also takes a token with the role ops: /console/ asks for it.',
  }),
  NO_EXAMPLES: row<{ url: string; reason: string }>({
    status: 404,
    message: (p) => `${p.url} has no example pages: ${p.reason}`,
    hint: 'The gateway of `npm start` has them, when it also starts Postgres and loads the demo data.',
  }),
  USAGE: row<{ reason: string }>({
    status: 400,
    message: (p) => p.reason,
    hint: 'Run `npx --no -- tidemark --help`.',
  }),
  PLAY_FAILED: row<{ reason: string }>({
    status: 500,
    message: (p) => `the story ended before its end: ${p.reason}`,
    hint: 'It needs a stack that runs (`npm start`) and the demo data: npx --no -- tidemark blueprint load <name>',
  }),
  TABLE_UNKNOWN: row<{ schema: string; table: string }>({
    status: 404,
    message: (p) => `there is no table ${p.schema}.${p.table}`,
    hint: 'Write <table> for one in public, else <schema>.<table>, in the letters that Postgres has.',
  }),
  NOT_LIVE: row<{ table: string; reason: string; remedy: string }>({
    status: 400,
    message: (p) => `${p.table} cannot be live: ${p.reason}. Nothing was changed`,
    hint: (p) => p.remedy,
  }),
  ROLE_UNKNOWN: row<{ role: string; roles: string }>({
    status: 404,
    message: (p) => `there is no role "${p.role}" in this database`,
    hint: (p) => `Name one of: ${p.roles || 'none yet; run `npx --no -- tidemark migrate` first'}.`,
  }),
  EXPOSE: row<{ reason: string; sql: string }>({
    status: 403,
    message: (p) => `the table could not be exposed: ${p.reason}. Nothing was changed`,
    hint: (p) => `Run this as the owner of the table: ${p.sql}`,
  }),
  IN_USE: row<{ slot: string }>({
    status: 409,
    message: (p) => `Tidemark runs on this database: its replication slot "${p.slot}" is in use`,
    hint: 'Stop every service first, then run the command again.',
  }),
  DEPENDENTS: row<{ objects: string }>({
    status: 409,
    message: (p) => `these objects depend on the schema tidemark, and would be dropped with it: ${p.objects}`,
    hint: 'Drop them or change them, then run the command again. Nothing was changed.',
  }),
  NOT_MIGRATED: row({
    status: 400,
    message: 'the database has no schema of this release of Tidemark',
    hint: 'Run `npx --no -- tidemark migrate` first.',
  }),
  LOCKED: row<{ seconds: number; holders: string }>({
    status: 503,
    message: (p) => `the table is in use: its lock was not to be had within ${p.seconds} s, and nothing was changed`,
    details: (p) => p.holders,
    hint: 'Waiting longer would keep the application’s own statements waiting behind it. Try again when these transactions have ended, or end them: select pg_terminate_backend(<pid>).',
  }),
  PORT_TAKEN: row<{ port: number; service: string; holder: string | undefined; variable: string }>({
    status: 500,
    message: (p) => `port ${p.port}, for the ${p.service}, is in use${p.holder ? ` by ${p.holder}` : ''}`,
    hint: (p) =>
      `Stop what listens there, or start on other ports: ${p.variable}=<port> npm start (the services take four in a row).`,
  }),
  SERVICE_FAILED: row<{ service: string; message: string }>({
    status: 500,
    message: (p) => `the ${p.service} service did not start`,
    details: (p) => p.message,
    hint: 'Its log has more; see the log folder named above.',
  }),
  NOT_READY: row<{ instance: string; seconds: number; problem: string }>({
    status: 503,
    message: (p) => `${p.instance} was not ready within ${p.seconds} s: ${p.problem}`,
    hint: 'Its log, in the folder logs of TIDEMARK_HOME, has the errors.',
  }),
  SERVICE_CRASHING: row<{ service: string; times: number; log: string }>({
    status: 500,
    message: (p) => `the ${p.service} service ended ${p.times} times within a minute`,
    hint: (p) => `Its log says why: ${p.log}`,
  }),
  SERVER_ENDED: row<{ what: string; code: number; log: string }>({
    status: 500,
    message: (p) => `${p.what} ended by itself (code ${p.code})`,
    details: (p) => p.log,
    hint: 'Its log, above, says why. Start again: the data is kept.',
  }),
  SCHEMA_UNKNOWN: row<{ schema: string; schemas: string }>({
    status: 404,
    message: (p) => `there is no schema "${p.schema}"`,
    hint: (p) => `The database has: ${p.schemas}.`,
  }),
  STATEMENTS: row<{ reason: string; hint: string }>({
    status: 400,
    message: (p) => `pg_stat_statements cannot be enabled: ${p.reason}`,
    hint: (p) => p.hint,
  }),
  NO_SUCH_USER: row<{ name: string }>({
    status: 500,
    message: (p) => `RUN_AS_USER=${p.name}: there is no such user`,
    hint: 'Make it (useradd --system --shell /usr/sbin/nologin tidemark), or leave RUN_AS_USER out.',
  }),
  CREDENTIALS: row<{ path: string; reason: string }>({
    status: 500,
    message: (p) => `the credentials in ${p.path} cannot be used: ${p.reason}`,
    hint: 'Delete the file: new ones are made at the next start, and the old ones stop working.',
  }),
});
