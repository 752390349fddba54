import {
  claimsOf,
  type Guise,
  ModelClient,
  population,
  type Row,
  random,
  type User,
} from '@tidemark/testing/live-checker';
import { SignJWT } from 'jose';
import { SECRET } from '../../processes/services.ts';
import { OWNED_SUM, OWNERS, SUM } from './writers.ts';

export interface Follower {
  readonly guise: Guise;
  readonly client: ModelClient;
}

export interface PartialTransactions {
  count: number;
  last: string;
}

/** This is enough for a busy machine, and some tokens expire within a run. */
const TOKEN_S = 30;
const SEED = 7;

export function follow(urls: readonly (() => string)[], count: number, partial: PartialTransactions): Follower[] {
  const key = new TextEncoder().encode(SECRET);
  let issued = 0;
  const token = (user: User) => {
    issued += 1;
    const jwt = new SignJWT(claimsOf(user)).setProtectedHeader({ alg: 'HS256' }).setJti(String(issued));
    return jwt.setExpirationTime(`${TOKEN_S} s`).sign(key);
  };
  const owned = OWNERS.map((user, n) => accounts(user, n === 0 ? 'events' : 'socket'));
  const guises = [...population(count, random(SEED)), accounts(undefined, 'socket'), ...owned];
  return guises.map((guise, n) => {
    const { query, mode, window, transport, user, mayShow } = guise;
    let at = n;
    const client = new ModelClient({
      query,
      mode,
      window,
      transport,
      mayShow,
      url: () => (urls[at++ % urls.length] as () => string)(),
      ...(user ? { token: () => token(user) } : {}),
      ...(query.includes('accounts') ? { onWhole: (rows) => checkSum(rows, user ? OWNED_SUM : SUM, partial) } : {}),
    });
    return { guise, client };
  });
}

function accounts(user: User | undefined, transport: Guise['transport']): Guise {
  const table = user ? 'owned_accounts' : 'accounts';
  return {
    name: `${table} ${user?.sub ?? 'anon'}`,
    query: `${table}?`,
    mode: 'every',
    window: false,
    transport,
    user,
    select: `select to_jsonb(t) as row from ${table} t`,
    mayShow: (row) => row.owner === user?.sub,
  };
}

function checkSum(rows: ReadonlyMap<unknown, Row>, expected: number, partial: PartialTransactions): void {
  let sum = 0;
  for (const { balance } of rows.values()) sum += Number(balance);
  if (sum === expected) return;
  partial.count += 1;
  partial.last = `(a sum of ${sum} instead of ${expected})`;
}
