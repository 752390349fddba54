/** The clients of a liveFaultTrial: of every kind, over all instances, and some whose rows have a sum that no part of a transaction keeps. */
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
import { OWNED_SUM, OWNERS, SUM } from './writers.ts';

export interface Follower {
  readonly guise: Guise;
  readonly client: ModelClient;
}

export interface Torn {
  times: number;
  last: string;
}

/** Long enough for a busy machine, short enough that some expire. */
const TOKEN_S = 30;
/** The same clients each time: what differs is when they come to what. */
const SEED = 7;

/** @param urls each connection of a client is to another one than the one before */
export function follow(urls: readonly (() => string)[], count: number, secret: string, torn: Torn): Follower[] {
  const key = new TextEncoder().encode(secret);
  let issued = 0;
  const token = (user: User) => {
    issued += 1;
    const jwt = new SignJWT(claimsOf(user)).setProtectedHeader({ alg: 'HS256' }).setJti(String(issued));
    return jwt.setExpirationTime(`${TOKEN_S} s`).sign(key);
  };
  const guises = [...population(count, random(SEED)), accounts(undefined, 'socket'), ...owned()];
  return guises.map((guise, n) => {
    const { query, mode, window, transport, user, mayShow } = guise;
    let at = n;
    const client = new ModelClient({
      ...{ query, mode, window, transport, mayShow },
      url: () => (urls[at++ % urls.length] as () => string)(),
      ...(user ? { token: () => token(user) } : {}),
      ...(query.includes('accounts') ? { onWhole: (rows) => sum(rows, user ? OWNED_SUM : SUM, torn) } : {}),
    });
    return { guise, client };
  });
}

const owned = () => OWNERS.map((user, n) => accounts(user, n === 0 ? 'events' : 'socket'));

function accounts(user: User | undefined, transport: Guise['transport']): Guise {
  const table = user ? 'owned_accounts' : 'accounts';
  return {
    ...{ name: `${table} ${user?.sub ?? 'anon'}`, query: `${table}?`, mode: 'every', window: false, transport, user },
    select: `select to_jsonb(t) as row from ${table} t`,
    mayShow: (row) => row.owner === user?.sub,
  };
}

function sum(rows: ReadonlyMap<unknown, Row>, wanted: number, torn: Torn): void {
  let is = 0;
  for (const { balance } of rows.values()) is += Number(balance);
  if (is === wanted) return;
  torn.times += 1;
  torn.last = `(a sum of ${is} where ${wanted} is)`;
}
