import { shellWord } from '@tidemark/contracts';
import { identifier, poolConnections } from '@tidemark/db';
import { type Facts, READER } from './facts.ts';

export interface Finding {
  /** A problem keeps a part of Tidemark from working; a note tells of something that could be better. */
  readonly kind: 'problem' | 'note';
  readonly text: string;
  /** SQL or a command that can be pasted. */
  readonly remedy?: string;
}

const MIN_VERSION = 140_000;
/** Watchers, the relay's replication connection and a psql for the operator. */
const BESIDES_POOLS = 5;
/** Names in one finding. */
const MAX_TYPES = 5;
const LOOPBACK = /^(127\.|::1$)/;

export interface Settings {
  readonly slot: string;
  /** Whether the user of the URL also runs the relay; false for an owner that only migrates. */
  readonly replicates: boolean;
}

/** Pure: what keeps Tidemark from working in this database, each with its remedy. */
export function findingsOf(facts: Facts, { slot, replicates }: Settings): Finding[] {
  const user = identifier(facts.user);
  const database = identifier(facts.database);
  const found: Finding[] = [];
  const problem = (text: string, remedy?: string) => found.push({ kind: 'problem', text, ...(remedy && { remedy }) });
  const note = (text: string, remedy?: string) => found.push({ kind: 'note', text, ...(remedy && { remedy }) });

  if (facts.versionNumber < MIN_VERSION) problem(`Postgres ${facts.version} is too old: 14 is the oldest that works`);
  if (facts.isBehindPooler)
    problem(
      'the address is that of a connection pooler: doctor, the relay and the migrations need Postgres itself',
      'DATABASE_DIRECT_URL=postgres://… npm start',
    );
  if (facts.isStandby) problem('this server is a replica: DATABASE_URL must name the primary');
  if (facts.walLevel !== 'logical') {
    problem(
      `wal_level is ${facts.walLevel}: live queries need logical`,
      'alter system set wal_level = logical; -- then restart Postgres',
    );
  }
  if (replicates && !facts.replicates) {
    problem(`"${facts.user}" may not replicate: live queries need it`, `alter role ${user} replication;`);
  }
  if (!facts.isMigrated && !facts.mayCreateSchemas) {
    problem(`"${facts.user}" may not create the schema tidemark`, `grant create on database ${database} to ${user};`);
  }
  if (!facts.isMigrated && facts.missingRoles.length > 0 && !facts.mayCreateRoles) {
    problem(
      `the roles ${facts.missingRoles.join(', ')} are missing, and "${facts.user}" may not create them`,
      `alter role ${user} createrole; -- or run infra/postgres/roles.sql as an administrator`,
    );
  }
  if (facts.unreachableRoles.length > 0) {
    problem(
      `"${facts.user}" may not use the roles ${facts.unreachableRoles.join(', ')}`,
      `grant ${facts.unreachableRoles.map(identifier).join(', ')} to ${user};`,
    );
  }
  if (facts.slotDatabase !== null && facts.slotDatabase !== facts.database) {
    problem(
      `the replication slot "${slot}" belongs to the database "${facts.slotDatabase}" of this server`,
      `RELAY_SLOT=${slot}_2 npm start`,
    );
  }
  if (replicates && facts.slotDatabase === null && facts.freeSlots < 1) {
    problem('no replication slot is free', 'alter system set max_replication_slots = 20; -- then restart Postgres');
  }
  if (replicates && facts.freeSenders < 1 && facts.slotDatabase === null) {
    problem('no WAL sender is free', 'alter system set max_wal_senders = 20; -- then restart Postgres');
  }
  const needed = poolConnections() + BESIDES_POOLS;
  if (facts.freeConnections < needed) {
    note(
      `${Math.max(0, facts.freeConnections)} connections are free, and an instance may use ${needed}: the pools will be smaller`,
      'alter system set max_connections = 200; -- then restart Postgres',
    );
  }
  for (const table of facts.withoutIdentity) {
    problem(
      `Postgres refuses UPDATE and DELETE on ${table}, which is published without a replica identity`,
      `alter table ${table} replica identity full;`,
    );
  }
  if (!facts.isEncrypted && facts.address !== null && !LOOPBACK.test(facts.address)) {
    note('the connection is not encrypted: add sslmode=verify-full and sslrootcert=<file> to the URL');
  }
  if (replicates && !facts.isMonitor && !facts.isSuperuser) {
    note(
      `"${facts.user}" is no member of pg_monitor: the console does not see other sessions and replicas`,
      `grant pg_monitor to ${user};`,
    );
  }
  if (!facts.hasStatements) {
    note('pg_stat_statements is not installed: the console shows only the statements of Tidemark');
  }
  for (const { schema, types, columns, usable } of facts.foreignTypes) {
    const what = `${columns} columns have types of the schema "${schema}" (${types.slice(0, MAX_TYPES).join(', ')})`;
    note(
      `${what}: filters find their operators only when requests search it`,
      `DB_EXTRA_SEARCH_PATH=public,${shellWord(schema)} npm start`,
    );
    if (!usable)
      note(`${what}, which ${READER} may not use`, `grant usage on schema ${identifier(schema)} to ${READER};`);
  }
  for (const { schema, tables, readable, first } of facts.schemas) {
    if (tables === 0 || readable > 0 || first === null) continue;
    note(
      `${tables} tables in ${schema}; 0 readable by ${READER}`,
      `npx --no -- tidemark expose ${shellWord(schema === 'public' && !first.includes('.') ? first : `${schema}.${first}`)} --to ${READER}`,
    );
  }
  return found;
}
