import { MEMBERS, TABLES } from './tables.ts';

/** A seeded generator (mulberry32), so that a failure can be reproduced. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const KEYS = 60;
/** The text of rows in a transaction that rolls back; no client may ever get it. */
export const VOID = 'void';

/**
 * Each table has another kind of right (tables.ts). `version` grows by one with each update, so that a client detects
 * a change that is missed, repeated or out of order.
 */
export function thingsTables(identity: 'full' | 'default'): string {
  const table = ({ name, sql }: (typeof TABLES)[number]) => `
create table public.${name} (id int primary key, grp int not null, n bigint not null, word text,
  born bigint not null default nextval('births'), version int not null default 0);
alter table public.${name} replica identity ${identity};
${sql}
alter publication tidemark add table public.${name};`;
  return `create sequence public.births; ${MEMBERS} ${TABLES.map(table).join('\n')}`;
}

/** Returns one transaction as SQL: inserts, updates across the filters, changed keys, deletes; some roll back. */
export function changeThings(next: () => number, tables: readonly string[] = ['things']): string {
  const int = (max: number) => Math.floor(next() * max);
  const isVoid = next() < 0.15;
  const word = () => (isVoid ? `'${VOID}'` : next() < 0.3 ? 'null' : `'${'abc'[int(3)]}${int(100)}'`);
  const statement = () => {
    const table = tables[int(tables.length)];
    const id = int(KEYS);
    const kind = next();
    const later = `version = ${table}.version + 1`;
    if (kind < 0.4) {
      return `insert into ${table} (id, grp, n, word) values (${id}, ${int(4)}, ${int(100)}, ${word()})
        on conflict (id) do update set grp = excluded.grp, n = excluded.n, word = excluded.word, ${later}`;
    }
    if (kind < 0.6) return `update ${table} set grp = ${int(4)}, n = ${int(100)}, ${later} where id = ${id}`;
    if (kind < 0.7) return `update ${table} set n = (n + 7) % 100, ${later} where grp = ${int(4)}`;
    if (kind < 0.8) {
      const moved = KEYS + id;
      return `update ${table} set id = ${moved}, ${later}
        where id = ${id} and not exists (select from ${table} where id = ${moved})`;
    }
    if (kind < 0.9) return `delete from ${table} where id = ${id + (next() < 0.5 ? KEYS : 0)}`;
    return `delete from ${table} where n < ${int(10)}`;
  };
  const statements = Array.from({ length: 1 + int(4) }, statement);
  const pause = next() < 0.2 ? 'select pg_sleep(0.01);' : '';
  return `begin; ${statements.join('; ')}; ${pause} ${isVoid ? 'rollback' : 'commit'}`;
}
