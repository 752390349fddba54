import type net from 'node:net';
import type postgres from 'postgres';
import type { ConnectionTarget } from './url.ts';

/** DateStyle is set later (connection.ts): a start-up setting would override the database's order of day and month. */
export const VALUE_TEXTS = { intervalstyle: 'postgres', bytea_output: 'hex', extra_float_digits: '1' };

/** Far above what a pool sends: at this count the driver stops sending until everything is answered. */
const MAX_PIPELINE = 1_000_000;

export function driverOptions(
  target: ConnectionTarget,
  settings: Readonly<Record<string, string>>,
  connect: () => Promise<net.Socket>,
  isPooled = false,
): postgres.Options<Record<string, postgres.PostgresType>> {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password,
    database: target.database,
    max: 1,
    // TLS is done before the driver sees the socket, and the pool keeps all time limits.
    ssl: false,
    connect_timeout: 0,
    idle_timeout: 0,
    max_lifetime: null,
    keep_alive: null,
    fetch_types: false,
    max_pipeline: MAX_PIPELINE,
    prepare: true,
    debug: false,
    onnotice: () => undefined,
    types: { text: TEXT, number: NUMBER, boolean: BOOLEAN, json: JSON_TEXT },
    connection: isPooled
      ? { application_name: settings.application_name }
      : { ...target.settings, ...VALUE_TEXTS, ...settings },
    socket: connect,
  } as unknown as postgres.Options<Record<string, postgres.PostgresType>>;
}

export function parserOf(type: number): ((text: string) => unknown) | undefined {
  return PARSERS.get(type);
}

/** Parameters stay as `encodeParam` made them, whatever type Postgres infers. */
const serialize = (x: string) => x;
const TEXT = { to: 25, from: [25, 17, 1082, 1114, 1184], serialize, parse: (x: string) => x };
/** int2, int4, oid, float4 and float8 fit a double exactly. */
const NUMBER = { to: 0, from: [21, 23, 26, 700, 701], serialize, parse: (x: string) => Number(x) };
const BOOLEAN = { to: 16, from: [16], serialize, parse: (x: string) => x === 't' };
const JSON_TEXT = { to: 114, from: [114, 3802], serialize, parse: (x: string) => JSON.parse(x) };
const PARSERS = new Map<number, (text: string) => unknown>(
  [NUMBER, BOOLEAN, JSON_TEXT].flatMap(({ from, parse }) => from.map((type) => [type, parse] as const)),
);
