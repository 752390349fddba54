/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the answer is kept in the transaction of the write, so that
 * either both exist or none.
 *
 * No API role may touch the table. The gateway switches to its own user for its own statements and back to the caller's
 * role before anything of the caller runs, deferred triggers at COMMIT included. A key counts under the scope that is
 * derived from the verified token (its lasting claims: idempotency-scope.ts) and the route: nobody can ask for another's answers.
 */
import { createHash } from 'node:crypto';
import type { Identity, Row, Rows, Transaction } from '@tidemark/db';
import { errors } from '../../errors.ts';
import type { StoredReply } from '../../reply/stored-reply.ts';
import { type KeyBudget, keptBytes } from './key-budget.ts';
import { keyScopeOf } from './key-scope.ts';

export interface IdempotentRequest {
  key: string;
  scope: string;
  /** Under which versions before this one kept it. */
  formerScope: string;
  fingerprint: string;
  /** The caller, for its share of what is kept. */
  identity: string;
}

const KEY = /^[\x21-\x7e]{1,255}$/;
const AS_SERVICE = "select set_config('role', 'none', true)";
const AS_CALLER = "select set_config('role', $1, true)";
// Held until the transaction ends, after its commit is visible: whoever gets it next sees what was kept.
const LOCK = 'select pg_try_advisory_xact_lock(hashtextextended($1::text, 7226)) as locked';
const LOOK = `select scope = $1::text as own, fingerprint, status, headers, body from tidemark.idempotency_keys
    where scope in ($1::text, $3::text) and key = $2::text and expires_at > clock_timestamp() order by own desc`;
const KEEP = `insert into tidemark.idempotency_keys as k (scope, key, fingerprint, status, headers, body, expires_at)
values ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8))
on conflict (scope, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
  headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at
where k.expires_at <= clock_timestamp()`;

/** Of a header as sent: the draft makes it a quoted string, most clients send it bare. */
export function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string') throw errors.IDEMPOTENCY_KEY({ reason: 'it was sent several times' });
  const text = header.trim();
  const key = text.length > 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  if (!KEY.test(key)) throw errors.IDEMPOTENCY_KEY({ reason: `it has ${key.length} characters, or blanks` });
  return key;
}

/** `content` is everything of the request that its effect and its answer depend on. @throws GATEWAY_IDEMPOTENCY_SUBJECT */
export function idempotentRequest(
  key: string,
  identity: Identity,
  route: string,
  content: readonly (string | undefined)[],
): IdempotentRequest {
  const caller = keyScopeOf(identity, key);
  const fingerprint = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  return {
    key,
    scope: `${caller.identity} ${route}`,
    formerScope: `${caller.formerIdentity} ${route}`,
    fingerprint,
    identity: caller.identity,
  };
}

/**
 * The kept answer, or undefined when the request is new; then nobody else works on the same key until the end of `tx`.
 *
 * @throws GATEWAY_IDEMPOTENCY_BUSY, GATEWAY_IDEMPOTENCY_MISMATCH, GATEWAY_IDEMPOTENCY_FORMER
 */
export async function claimKey(
  tx: Transaction,
  request: IdempotentRequest,
  identity: Identity,
): Promise<StoredReply | undefined> {
  const { key, scope, formerScope, fingerprint } = request;
  const [locks, , found] = await inOrder(tx, [
    [LOCK, [`${scope}\n${key}`]],
    [AS_SERVICE, []],
    [LOOK, [scope, key, formerScope]],
    [AS_CALLER, [identity.role]],
  ]);
  const kept = found?.[0];
  if (kept === undefined && !locks?.[0]?.locked) throw errors.IDEMPOTENCY_BUSY({ key });
  if (kept === undefined) return undefined;
  // It is that of somebody with this role and subject, but perhaps with other claims: neither shown nor written again.
  if (!kept.own) throw errors.IDEMPOTENCY_FORMER({ key });
  if (kept.fingerprint !== fingerprint) throw errors.IDEMPOTENCY_MISMATCH({ key });
  return { status: kept.status, headers: { ...kept.headers, 'idempotency-replayed': 'true' }, body: kept.body };
}

/** @throws GATEWAY_IDEMPOTENCY_ANSWER, GATEWAY_IDEMPOTENCY_BUSY, GATEWAY_IDEMPOTENCY_FULL, GATEWAY_IDEMPOTENCY_SHARE */
export async function keepAnswer(
  tx: Transaction,
  request: IdempotentRequest,
  identity: Identity,
  answered: StoredReply,
  limits: { ttlSeconds: number; maxBytes: number },
  room: KeyBudget,
): Promise<void> {
  const { status, headers, body } = answered;
  const bytes = Buffer.byteLength(body);
  if (bytes > limits.maxBytes) throw errors.IDEMPOTENCY_ANSWER({ bytes, maximum: limits.maxBytes });
  const { scope, key, fingerprint } = request;
  room.keep(request.identity, keptBytes(key, JSON.stringify(headers), bytes));
  const [, kept] = await inOrder(tx, [
    [AS_SERVICE, []],
    [KEEP, [scope, key, fingerprint, status, headers, body, limits.ttlSeconds]],
    [AS_CALLER, [identity.role]],
  ]);
  // The lock makes this impossible, unless its holder was a client with a lock of the same number.
  if (kept?.count !== 1) throw errors.IDEMPOTENCY_BUSY({ key });
}

type Part = readonly [text: string, params: Parameters<Transaction['query']>[1]];

/** One round trip; the first error, once all are answered. */
async function inOrder(tx: Transaction, parts: readonly Part[]): Promise<Rows<Row>[]> {
  const outcomes = await Promise.allSettled(parts.map(([text, params]) => tx.query(text, params)));
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
