export { type CheckOptions, checkServer, poolConnections, type ServerReport } from './check-server.ts';
export { openDatabase } from './database.ts';
export { errors } from './errors.ts';
export { identityStatement } from './identity-statement.ts';
export { type MigrateOptions, migrate } from './migrate.ts';
export { isStalePlan, PostgresError } from './postgres-error.ts';
export { arrayLiteral, identifier, literal } from './quote.ts';
export { runScript } from './run-script.ts';
export type * from './types.ts';
