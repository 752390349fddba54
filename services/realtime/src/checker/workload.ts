/** Random changes to a small table, so that they meet: what the tests and the fault lab have writers do. */

/** A seeded generator (mulberry32), so that a failure can be tried again. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Keys from 0; an update of the key moves a row up by as many. */
const KEYS = 60;

export const thingsTable = (identity: 'full' | 'default') => `
create table public.things (id int primary key, grp int not null, n bigint not null, word text);
alter table public.things replica identity ${identity};
grant select on public.things to anon;
alter publication tidemark add table public.things;`;

/** Live queries of it, with the same in SQL. */
export const FILTERS: readonly (readonly [query: string, where: string])[] = [
  ['', 'true'],
  ['grp=eq.1', 'grp = 1'],
  ['grp=in.(0,2)', 'grp in (0, 2)'],
  ['n=gte.50', 'n >= 50'],
  ['or=(grp.eq.3,n.lt.20)', 'grp = 3 or n < 20'],
  ['word=like.a*', "word like 'a%'"],
  ['word=is.null', 'word is null'],
  ['grp=not.eq.1&n=lt.80', 'not grp = 1 and n < 80'],
];

/** One transaction, as SQL: inserts, updates across the filters, changed keys, deletes; some roll back. */
export function changeThings(next: () => number): string {
  const int = (max: number) => Math.floor(next() * max);
  const word = () => (next() < 0.3 ? 'null' : `'${'abc'[int(3)]}${int(100)}'`);
  const statement = () => {
    const id = int(KEYS);
    const kind = next();
    if (kind < 0.4) {
      return `insert into things values (${id}, ${int(4)}, ${int(100)}, ${word()})
        on conflict (id) do update set grp = excluded.grp, n = excluded.n, word = excluded.word`;
    }
    if (kind < 0.6) return `update things set grp = ${int(4)}, n = ${int(100)} where id = ${id}`;
    if (kind < 0.7) return `update things set n = (n + 7) % 100 where grp = ${int(4)}`;
    if (kind < 0.8) {
      const moved = KEYS + id;
      return `update things set id = ${moved} where id = ${id} and not exists (select from things where id = ${moved})`;
    }
    if (kind < 0.9) return `delete from things where id = ${id + (next() < 0.5 ? KEYS : 0)}`;
    return `delete from things where n < ${int(10)}`;
  };
  const statements = Array.from({ length: 1 + int(4) }, statement);
  const pause = next() < 0.2 ? 'select pg_sleep(0.01);' : '';
  return `begin; ${statements.join('; ')}; ${pause} ${next() < 0.15 ? 'rollback' : 'commit'}`;
}
