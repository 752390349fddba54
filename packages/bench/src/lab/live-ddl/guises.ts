/** The clients of the trial: each a live query with the same in SQL, and who asks it. */
import type { Dice } from './dice.ts';
import { type Schema, USERS } from './schema.ts';

export interface Person {
  readonly role: string;
  /** Without `sub`: no token. */
  readonly claims: { readonly role: string; readonly sub?: string; readonly seals?: string };
}

export interface Guise {
  readonly name: string;
  readonly table: string;
  readonly query: string;
  readonly mode: 'every' | 'latest';
  readonly window: boolean;
  readonly transport: 'socket' | 'events';
  readonly person: Person;
  /** The rows that it must hold. */
  readonly select: string;
  /** The same with the rows that its filter or its limit leaves out: what it may see at all. */
  readonly sight: string;
  /** Columns that it reads; undefined: all. */
  readonly columns: readonly string[] | undefined;
}

export const PEOPLE: readonly Person[] = [
  { role: 'anon', claims: { role: 'anon' } },
  ...Object.entries(USERS).map(([sub, { role, seals }]) => ({ role, claims: { role, sub, seals: seals.join() } })),
];

const FILTERS: readonly (readonly [query: string, where: string, column?: string])[] = [
  ['', 'true'],
  ['', 'true'],
  ['grp=eq.1', 'grp = 1'],
  ['seal=lt.5', 'seal < 5'],
  ['or=(seal.eq.1,ver.gte.500)', '(seal = 1 or ver >= 500)'],
  ['n=not.is.null', 'n is not null', 'n'],
];
const ORDER = ['order=seal.desc&limit=10', 'order by seal desc, '] as const;
const SHARE = { windows: 0.15, latest: 0.25, events: 0.2 };

/** Takes an equal number from each table, as far as its entries go. */
export function drawGuises(dice: Dice, { tables }: Schema, count: number, only: readonly string[] = []): Guise[] {
  const able = tables.filter(({ name }) => only.length === 0 || only.includes(name));
  return Array.from({ length: count }, (_, n): Guise => {
    const table = able[n % able.length]!;
    const person = dice.of(PEOPLE);
    const base = ['id', 'grp', 'seal', 'ver', ...(table.identity === 'index' ? ['code'] : [])];
    const extras = [...table.extras.keys()];
    const asked = dice.of([undefined, undefined, base, [...base, 'n'], [...base, dice.of(extras)]]);
    const columns = dice.chance(0.5) && table.name === 'sealed' ? [...base, 'label'] : asked;
    const alias = columns && columns.length > base.length && dice.chance(0.3) ? columns.at(-1) : undefined;
    const select = (columns ?? ['*']).map((name) => (name === alias ? `shown:${name}` : name)).join();
    const list = (columns ?? ['*']).map((name) => (name === alias ? `${name} as shown` : name)).join();
    const [filter, where, filtered] = dice.of(FILTERS);
    const window = dice.chance(SHARE.windows);
    const mode = dice.chance(SHARE.latest) ? 'latest' : 'every';
    const transport = dice.chance(SHARE.events) ? 'events' : 'socket';
    const parts = [select === '*' && dice.chance(0.5) ? '' : `select=${select}`, filter, window ? ORDER[0] : ''];
    const query = `${table.name}?${parts.filter(Boolean).join('&')}`;
    const order = window ? `${ORDER[1]} ${table.key.join()} limit 10` : '';
    return {
      name: `${n} ${person.claims.sub ?? 'anon'} ${mode} ${transport} ${query}`,
      table: table.name,
      query,
      mode,
      window,
      transport,
      person,
      select: `select ${list} from ${table.name} where ${where} ${order}`,
      sight: `select distinct seal from (select ${list} from ${table.name} where ${where} or true) t order by 1`,
      columns: columns && filtered ? [...columns, filtered] : columns,
    };
  });
}
