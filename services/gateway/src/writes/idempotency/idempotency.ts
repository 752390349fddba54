/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header). The reply is kept in the transaction of the write, so
 * that both exist or neither. No API role may touch the table: the gateway switches to its own user for its own
 * statements, and back before anything of the caller runs, deferred triggers at COMMIT included. The scope of a key
 * (key-scope.ts) keeps callers from each other's replies.
 */
import { createHash } from 'node:crypto';
import { type Identity, type Row, type Rows, settleAll, type Transaction } from '@tidemark/db';
import { errors } from '../../errors.ts';
import type { StoredReply } from '../../reply/stored-reply.ts';
import { type KeyBudget, keptBytes } from './key-budget.ts';
import { keyScopeOf } from './key-scope.ts';

export interface IdempotentRequest {
  key: string;
  scope: string;
  formerScope: string;
  fingerprint: string;
  identity: string;
}

export interface ReplyLimits {
  ttlSeconds: number;
  /** The size of one reply. */
  maxBytes: number;
  /** The keys and bytes of all callers. */
  budget: KeyBudget;
}

const KEY = /^[\x21-\x7e]{1,255}$/;
const AS_SERVICE = "select set_config('role', 'none', true)";
const AS_CALLER = "select set_config('role', $1, true)";
// Held until the transaction ends, after its commit is visible: the next holder sees what was kept.
const LOCK = 'select pg_try_advisory_xact_lock(hashtextextended($1::text, 7226)) as locked';
const FIND = `select scope = $1::text as own, fingerprint, status, headers, body from tidemark.idempotency_keys
    where scope in ($1::text, $3::text) and key = $2::text and expires_at > clock_timestamp() order by own desc`;
const KEEP = `insert into tidemark.idempotency_keys as k (scope, key, fingerprint, status, headers, body, expires_at)
values ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8))
on conflict (scope, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
  headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at
where k.expires_at <= clock_timestamp()`;

/** The draft makes the key a quoted string; most clients send it without quotes. */
export function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string') throw errors.IDEMPOTENCY_KEY({ reason: 'the header was sent several times' });
  const text = header.trim();
  const key = text.length > 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  if (!KEY.test(key)) throw errors.IDEMPOTENCY_KEY({ reason: `it has ${key.length} characters, or blanks` });
  return key;
}

/** `content` is everything of the request that its effect and its reply depend on. */
export function idempotentRequest(
  key: string | undefined,
  identity: Identity,
  route: string,
  content: readonly (string | undefined)[],
): IdempotentRequest | undefined {
  if (key === undefined) return undefined;
  const caller = keyScopeOf(identity, key);
  return {
    key,
    scope: `${caller.identity} ${route}`,
    formerScope: `${caller.formerIdentity} ${route}`,
    fingerprint: createHash('sha256').update(JSON.stringify(content)).digest('base64url'),
    identity: caller.identity,
  };
}

/** Returns undefined where the request is new; then no other request uses the key until `tx` ends. */
export async function claimKey(
  tx: Transaction,
  { key, scope, formerScope, fingerprint }: IdempotentRequest,
  identity: Identity,
): Promise<StoredReply | undefined> {
  const [locks, , found] = await pipelined(tx, [
    [LOCK, [`${scope}\n${key}`]],
    [AS_SERVICE, []],
    [FIND, [scope, key, formerScope]],
    [AS_CALLER, [identity.role]],
  ]);
  const kept = found?.[0];
  if (kept === undefined && !locks?.[0]?.locked) throw errors.IDEMPOTENCY_BUSY({ key });
  if (kept === undefined) return undefined;
  // A caller with the same role and subject kept it, perhaps with other claims: it is neither shown nor written again.
  if (!kept.own) throw errors.IDEMPOTENCY_FORMER({ key });
  if (kept.fingerprint !== fingerprint) throw errors.IDEMPOTENCY_MISMATCH({ key });
  return { status: kept.status, headers: { ...kept.headers, 'idempotency-replayed': 'true' }, body: kept.body };
}

export async function keepReply(
  tx: Transaction,
  { key, scope, fingerprint, identity: owner }: IdempotentRequest,
  identity: Identity,
  { status, headers, body }: StoredReply,
  { ttlSeconds, maxBytes, budget }: ReplyLimits,
): Promise<void> {
  const bytes = Buffer.byteLength(body);
  if (bytes > maxBytes) throw errors.IDEMPOTENCY_ANSWER({ bytes, maximum: maxBytes });
  budget.keep(owner, keptBytes(key, JSON.stringify(headers), bytes));
  const [, kept] = await pipelined(tx, [
    [AS_SERVICE, []],
    [KEEP, [scope, key, fingerprint, status, headers, body, ttlSeconds]],
    [AS_CALLER, [identity.role]],
  ]);
  // The lock excludes this, unless its holder was a client with an advisory lock of the same number.
  if (kept?.count !== 1) throw errors.IDEMPOTENCY_BUSY({ key });
}

type Part = readonly [text: string, params: Parameters<Transaction['query']>[1]];

function pipelined(tx: Transaction, parts: readonly Part[]): Promise<Rows<Row>[]> {
  return settleAll(parts.map(([text, params]) => tx.query(text, params)));
}
