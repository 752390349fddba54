/** GET /rest/v1/:table?after=…: a page by keyset, with the address of the next. Not cached: each is found by an index. */
import { type KeysetRow, type KeysetValues, keysetOrder, planKeyset, readCursor, writeCursor } from '@tidemark/plan';
import { rangeStatus } from '@tidemark/query';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from '../../context.ts';
import { errors, postgrest } from '../../errors.ts';
import { isObject, sendStoredReply, storedReply } from '../../reply/stored-reply.ts';
import { varyByIdentity } from '../../reply/vary.ts';
import { askedBy } from '../../request/asked.ts';
import { rawSearch } from '../../request/parse.ts';
import type { Reading } from './reading.ts';

export async function readKeysetPage({ db, config }: RouteContext, { request, reply, read, identity, asked }: Reading) {
  const { catalog, relation, query, media, preferences } = read;
  const order = keysetOrder(relation, query);
  const after = readCursor(order, query.after ?? '');
  const count = preferences.count === 'exact' ? 'exact' : null;
  const options = { media, exactCount: count !== null, maxRows: config.DB_MAX_ROWS };
  const result = await db.read<KeysetRow>({
    identity,
    resetAfter: catalog.changesSession,
    statement: planKeyset({ catalog, relation, query, order, after }, options),
    ...askedBy(request, { holder: { route: 'GET /rest/v1/:table' } }),
    ...(asked ? { tidemark: asked } : {}),
  });
  const { body, rows: counted, total: all, last } = result.rows[0] as KeysetRow;
  const rows = Number(counted);
  const total = all === null ? null : Number(all);
  if (isObject(media) && rows !== 1) throw postgrest.PGRST116({ rows });
  if (last !== null) {
    const cursor = writeCursor(order, JSON.parse(last) as KeysetValues);
    const address = nextAddress(request, cursor);
    // Clients cut or refuse longer headers, and without the Link this page would pass for the last one.
    if (address.length > MAX_LINK) throw errors.LINK_LENGTH({ length: address.length, maximum: MAX_LINK });
    reply.header('link', `<${address}>; rel="next"`);
  }
  varyByIdentity(reply);
  const stored = storedReply({
    status: rangeStatus(rows, total),
    media,
    body,
    // The position of the page among all rows is not known.
    headers: { 'cache-control': 'no-cache', 'content-range': `*/${total ?? '*'}` },
    preferences: { ...preferences, count },
  });
  return sendStoredReply(reply, stored, result.tidemark, result.source);
}

/** Characters. */
const MAX_LINK = 4_096;

/** The same address with the other cursor; relative, as a proxy in front may call us by another name. */
function nextAddress(request: FastifyRequest, cursor: string): string {
  const path = (request.raw.url ?? '').split('?', 1)[0];
  const others = rawSearch(request)
    .split('&')
    .filter((pair) => !/^after(?:=|$)/.test(pair) && !/^tidemark=/.test(pair));
  return `${path}?${[...others, `after=${cursor}`].join('&')}`.replaceAll(/[<>"\\^`{|}\s]/g, encodeURIComponent);
}
