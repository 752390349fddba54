/** The rights of the services' logins, each with a call that needs it. */
import { loadBlueprint } from '@tidemark/blueprints';
import { openDatabase } from '@tidemark/db';
import { createFileRegistry } from '@tidemark/files';
import { withClient } from '@tidemark/local-stack';
import type { prepareLocalRoles } from '../src/up/local-roles.ts';

interface Failure {
  code?: string;
  message?: RegExp | string;
}

/** A statement that revokes the right, one that grants it, the URL of the login, a call that needs it, and its error without it. */
export type Right = [string, string, string, (url: string) => Promise<unknown>, Failure];

export interface Logins {
  roles: Awaited<ReturnType<typeof prepareLocalRoles>>;
  administrator: string;
  owner: string;
}

const refused: Failure = { code: '42501' };
export const run = (url: string, text: string) => withClient(url, (sql) => sql.unsafe(text));
const sql = (text: string) => (url: string) => run(url, text);

export async function serviceRights({ roles, administrator, owner }: Logins): Promise<Right[]> {
  const login = (service: 'gateway' | 'realtime' | 'batch' | 'metrics') => roles.service(service, administrator);
  const file = { path: 'a', contentType: 'text/plain', size: 1, sha256: 'x', storageKey: 'k', owner: null };
  const withDatabase = async <T>(url: string, work: (db: Awaited<ReturnType<typeof openDatabase>>) => Promise<T>) => {
    const db = await openDatabase({ primaryUrl: url, applicationName: 'rights' });
    try {
      return await work(db);
    } finally {
      await db.close();
    }
  };
  const read = (role: string) => (url: string) =>
    withDatabase(url, (db) => db.read({ identity: { role, claims: '{}' }, statement: { text: 'select 1' } }));
  const open = (url: string) => withDatabase(url, async () => undefined);
  const registry = (url: string, work: (files: ReturnType<typeof createFileRegistry>) => Promise<unknown>) =>
    withDatabase(url, ({ pools }) => work(createFileRegistry(pools.write)));
  const output = (url: string) =>
    withDatabase(url, ({ pools }) =>
      pools.write.transaction((tx) =>
        createFileRegistry(pools.write).insert(tx, [{ ...file, path: `o${Math.random()}` }]),
      ),
    );
  const [made] = (await output(login('batch'))) as { id: string }[];
  const found = (url: string) =>
    registry(url, async (files) => {
      const asService = { role: 'service_role', claims: '{}' };
      if ((await files.find(asService, made?.id as string)) === undefined) throw new Error('hidden');
    });
  /** As the relay does (services/realtime/src/definitions/known-definitions.ts). */
  const writeDefinitions = sql(`
  with gone as (delete from tidemark.table_definitions where version = '')
  insert into tidemark.table_definitions values ('', 'a', '1', '0/1')
  on conflict (schema_name, table_name) do update set version = excluded.version`);
  return [
    ...(['anon', 'authenticated', 'service_role', 'ops'] as const).flatMap((role) =>
      (['gateway', 'realtime', 'batch'] as const).map(
        (service): Right => [
          `revoke ${role} from tidemark_${service}`,
          `grant ${role} to tidemark_${service}`,
          login(service),
          read(role),
          refused,
        ],
      ),
    ),
    ...(['gateway', 'realtime', 'batch', 'metrics'] as const).flatMap((service): Right[] => [
      [
        `revoke tidemark_none from tidemark_${service}`,
        `grant tidemark_none to tidemark_${service}`,
        login(service),
        open,
        { code: 'DB_ROLE_MISSING' },
      ],
      [
        `revoke usage on schema tidemark from tidemark_${service}`,
        `grant usage on schema tidemark to tidemark_${service}`,
        login(service),
        open,
        { message: /permission denied/ },
      ],
      [
        `revoke select on tidemark.epochs from tidemark_${service}`,
        `grant select on tidemark.epochs to tidemark_${service}`,
        login(service),
        open,
        { message: /permission denied for table epochs/ },
      ],
    ]),
    [
      'alter role tidemark_realtime noreplication',
      'alter role tidemark_realtime replication',
      login('realtime'),
      sql(`select pg_create_logical_replication_slot('r', 'pgoutput', true)`),
      refused,
    ],
    ...['select', 'insert', 'update', 'delete'].map(
      (right): Right => [
        `revoke ${right} on tidemark.table_definitions from tidemark_realtime`,
        `grant ${right} on tidemark.table_definitions to tidemark_realtime`,
        login('realtime'),
        writeDefinitions,
        refused,
      ],
    ),
    ['revoke ops from tidemark_metrics', 'grant ops to tidemark_metrics', login('metrics'), read('ops'), refused],
    [
      'revoke pg_monitor from tidemark_metrics',
      'grant pg_monitor to tidemark_metrics',
      login('metrics'),
      sql(
        `do $$ begin if exists (select from pg_stat_activity where query = '<insufficient privilege>') then raise insufficient_privilege; end if; end $$`,
      ),
      refused,
    ],
    [
      'revoke usage on schema tidemark_statistics from tidemark_metrics',
      'grant usage on schema tidemark_statistics to tidemark_metrics',
      login('metrics'),
      sql('select from tidemark_statistics.pg_stat_statements'),
      refused,
    ],
    [
      'revoke insert on tidemark.file_contents from tidemark_batch',
      'grant insert on tidemark.file_contents to tidemark_batch',
      login('batch'),
      output,
      refused,
    ],
    [
      'revoke insert on tidemark.files from tidemark_batch',
      'grant insert on tidemark.files to tidemark_batch',
      login('batch'),
      output,
      refused,
    ],
    [
      'alter policy files_batch_output on tidemark.files with check (false)',
      'alter policy files_batch_output on tidemark.files with check (true)',
      login('batch'),
      output,
      refused,
    ],
    [
      'revoke select on tidemark.file_contents from tidemark_gateway',
      'grant select on tidemark.file_contents to tidemark_gateway',
      login('gateway'),
      found,
      refused,
    ],
    [
      'revoke create on database postgres from tidemark',
      'grant create on database postgres to tidemark',
      owner,
      (url) => loadBlueprint(url, 'fleet', { demo: false }),
      { message: /permission denied for database/ },
    ],
    ['revoke tidemark_none from tidemark', 'grant tidemark_none to tidemark', owner, open, { code: 'DB_ROLE_MISSING' }],
  ];
}
