import { COLUMNS, claimsOf, TABLES, USERS, type User } from './tables.ts';
import { VOID } from './workload.ts';

export interface Guise {
  readonly name: string;
  readonly query: string;
  readonly mode: 'every' | 'latest';
  readonly window: boolean;
  readonly transport: 'socket' | 'events';
  readonly user: User | undefined;
  readonly select: string;
  /** Returns whether the rights allowed sending this row to the client at any time. */
  mayShow(row: Readonly<Record<string, unknown>>): boolean;
}

/** Live queries of a table, each with the equivalent SQL. */
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

/** Rows with equal values in the order are ordered by their key. */
const WINDOWS: readonly (readonly [query: string, sql: string])[] = [
  ['order=n.desc&limit=10', 'order by n desc, id limit 10'],
  ['order=word.asc.nullsfirst,n&limit=5&offset=3', 'order by word nulls first, n, id limit 5 offset 3'],
];

/** Shares of windows, of clients in mode latest, and of event streams. */
const SHARE = { windows: 0.2, latest: 0.3, events: 0.25 };

export function population(count: number, next: () => number): Guise[] {
  const any = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  return Array.from({ length: count }, (_, n): Guise => {
    // Every table and every filter is used, even with few clients.
    const table = TABLES[n % TABLES.length] as (typeof TABLES)[number];
    const [filter, where] = FILTERS[n % FILTERS.length] as (typeof FILTERS)[number];
    const user = table.users || next() < 0.5 ? any(USERS) : undefined;
    const window = next() < SHARE.windows;
    const [order, ordered] = window ? any(WINDOWS) : ['', ''];
    const mode = next() < SHARE.latest ? 'latest' : 'every';
    const transport = next() < SHARE.events ? 'events' : 'socket';
    const query = `${table.name}?${[`select=${COLUMNS}`, filter, order].filter(Boolean).join('&')}`;
    return {
      name: `${n} ${query} ${mode} ${transport} ${user?.sub ?? 'anon'}`,
      query,
      mode,
      window,
      transport,
      user,
      select: `select to_jsonb(t) as row from (select ${COLUMNS} from ${table.name} where ${where} ${ordered}) t`,
      mayShow: (row) => row.word !== VOID && table.mayShow(row, user),
    };
  });
}

export function as(user: User | undefined, select: string): string {
  if (!user) return `begin read only; set local role anon; ${select}; commit`;
  const claims = JSON.stringify(claimsOf(user));
  return `begin read only; set local role authenticated; set local request.jwt.claims = '${claims}'; ${select}; commit`;
}
