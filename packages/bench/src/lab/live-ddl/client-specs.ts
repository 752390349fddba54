import type { Random } from './random.ts';
import { type Schema, USERS } from './schema.ts';

export interface Caller {
  readonly role: string;
  /** A caller without `sub` has no token. */
  readonly claims: { readonly role: string; readonly sub?: string; readonly seals?: string };
}

export interface ClientSpec {
  readonly name: string;
  readonly table: string;
  readonly query: string;
  readonly mode: 'every' | 'latest';
  readonly window: boolean;
  readonly transport: 'socket' | 'events';
  readonly caller: Caller;
  readonly select: string;
  /** SELECT of the seals that the client may see, without its filter and limit. */
  readonly visibility: string;
  /** Columns that the query reads; undefined for all. */
  readonly columns: readonly string[] | undefined;
}

export const CALLERS: readonly Caller[] = [
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

export function drawClientSpecs(
  random: Random,
  { tables }: Schema,
  count: number,
  only: readonly string[] = [],
): ClientSpec[] {
  const able = tables.filter(({ name }) => only.length === 0 || only.includes(name));
  return Array.from({ length: count }, (_, n): ClientSpec => {
    const table = able[n % able.length]!;
    const caller = random.of(CALLERS);
    const base = ['id', 'grp', 'seal', 'ver', ...(table.identity === 'index' ? ['code'] : [])];
    const extras = [...table.extras.keys()];
    const asked = random.of([undefined, undefined, base, [...base, 'n'], [...base, random.of(extras)]]);
    const columns = random.chance(0.5) && table.name === 'sealed' ? [...base, 'label'] : asked;
    const alias = columns && columns.length > base.length && random.chance(0.3) ? columns.at(-1) : undefined;
    const select = (columns ?? ['*']).map((name) => (name === alias ? `shown:${name}` : name)).join();
    const list = (columns ?? ['*']).map((name) => (name === alias ? `${name} as shown` : name)).join();
    const [filter, where, filtered] = random.of(FILTERS);
    const window = random.chance(SHARE.windows);
    const mode = random.chance(SHARE.latest) ? 'latest' : 'every';
    const transport = random.chance(SHARE.events) ? 'events' : 'socket';
    const parts = [select === '*' && random.chance(0.5) ? '' : `select=${select}`, filter, window ? ORDER[0] : ''];
    const query = `${table.name}?${parts.filter(Boolean).join('&')}`;
    const order = window ? `${ORDER[1]} ${table.key.join()} limit 10` : '';
    return {
      name: `${n} ${caller.claims.sub ?? 'anon'} ${mode} ${transport} ${query}`,
      table: table.name,
      query,
      mode,
      window,
      transport,
      caller,
      select: `select ${list} from ${table.name} where ${where} ${order}`,
      visibility: `select distinct seal from (select ${list} from ${table.name} where ${where} or true) t order by 1`,
      columns: columns && filtered ? [...columns, filtered] : columns,
    };
  });
}
