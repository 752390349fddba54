import type { Client } from '@tidemark/db';
import { sharedKey as keyOfStatement } from '../../cache/shared/shared-value.ts';
import type { RouteContext } from '../../context.ts';
import { sendRead } from '../../reply/read-answer.ts';
import { clientOf } from '../../request/client.ts';
import type { ReadRequest } from '../../request/read-requests.ts';
import { countOf, readRows, readStatement, totalOf } from './read-rows.ts';
import type { Reading } from './reading.ts';

/** Roles whose cache keys are kept with a request; keys of other roles are made each time. */
const MAX_ROLES = 8;

/** Returns the reply itself for a hit, without a promise. */
export function readCached(context: RouteContext, reading: Reading) {
  const { request, reply, read, identity, asked } = reading;
  const found = readsOf(context, read);
  const { cache } = context;
  if (!cache || typeof found === 'string') return readUncached(context, reading);
  const key = keyFor(read, identity.role);
  const cached = { ...found, key, claims: identity.claims, asked };
  const hit = cache.hit(cached);
  if (hit) {
    const { answer, key: entryKey } = hit;
    reply.hit = { answer, key: entryKey as string, catalog: read.catalog, asked: read.query.tidemark ?? undefined };
    return sendRead(request, reply, read, hit, answer.total);
  }
  const { oids, personal } = found.reads;
  const fill = (client: Client) => readRows(context, reading, oids, client);
  const sharedKey = () => keyOfStatement(identity, personal, readStatement(context, read, identity.role, oids));
  return cache
    .read({ ...cached, client: clientOf(request), fill, sharedKey })
    .then((result) => sendRead(request, reply, read, result, result.answer.total));
}

async function readUncached(context: RouteContext, reading: Reading) {
  const { request, reply, read, identity } = reading;
  const { answer, tidemark, source } = await readRows(context, reading);
  const total = await totalOf(context, reading, answer.total);
  const count = countOf(read, identity.role);
  const shown = count === read.preferences.count ? read : { ...read, preferences: { ...read.preferences, count } };
  return sendRead(request, reply, shown, { answer, tidemark, source, status: 'fwd=bypass' }, total);
}

function keyFor({ key, keyOfRole }: ReadRequest, role: string): string {
  const known = keyOfRole.get(role);
  if (known !== undefined) return known;
  const roleKey = `${key}\0${role}`;
  if (keyOfRole.size < MAX_ROLES) keyOfRole.set(role, roleKey);
  return roleKey;
}

function readsOf({ cache }: RouteContext, read: ReadRequest) {
  if (!cache) return 'there is no cache';
  if (read.seesRequest) return 'it reads the request';
  const { count } = read.preferences;
  if (count === 'planned' || count === 'estimated') return 'the total comes from another statement';
  const generation = cache.generation();
  if (read.reads?.of !== generation) {
    read.reads = { of: generation, found: cache.readsOf(read.catalog, read.relation, read.query) };
  }
  return read.reads.found;
}
