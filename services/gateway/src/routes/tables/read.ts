/** GET and HEAD /rest/v1/:table. */
import { planExport } from '@tidemark/plan';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import type { FastPath } from '../../http/fast-path/fast-path.ts';
import { TABLE_ROUTE } from '../../http/fast-path/raw-request.ts';
import { recordReplies } from '../../http/fast-path/record.ts';
import { sendPlan, tellsOfHidden } from '../../reply/explain.ts';
import { clientOf } from '../../request/client.ts';
import { fullIdentity, readIdentity } from '../../request/identity-settings.ts';
import { ROWS_MEDIA } from '../../request/media.ts';
import { tidemarkOf } from '../../request/parse.ts';
import { askedPlan } from '../../request/plan-media.ts';
import { readRequestOf } from '../../request/read-request.ts';
import { readCached } from './cached-read.ts';
import { readKeysetPage } from './keyset.ts';
import { ASKED, readStatement } from './read-rows.ts';
import type { TableRequest } from './reading.ts';

/** The fast path records the hits that are sent here. */
export const tableReadRoute = fp(
  async (app: BaseApp, { fastPath, ...context }: RouteContext & { readonly fastPath: FastPath | undefined }) => {
    app.decorateReply('hit', undefined);
    const options = fastPath ? { onSend: recordReplies(fastPath) } : {};
    app.get<{ Params: { table: string } }>(TABLE_ROUTE, options, (request, reply) =>
      readTable(context, request, reply),
    );
  },
  { name: 'table-read-route', dependencies: ['compression', 'identity'] },
);

function readTable(context: RouteContext, request: TableRequest, reply: FastifyReply) {
  const { config, db, exporter } = context;
  const plan = askedPlan(request.headers.accept, ROWS_MEDIA, config, request.caller.role);
  const read = readRequestOf(context, request, reply, plan);
  const { catalog, relation, query, exported } = read;
  const scope = { catalog, schema: read.schema, timezone: read.preferences.timezone };
  const identity = read.seesRequest ? fullIdentity(request, scope) : readIdentity(request, scope);
  if (plan) {
    return sendPlan(db, request, reply, {
      media: plan,
      statement: readStatement(context, read, identity.role),
      identity,
      asked: ASKED,
      writes: false,
      tellsOfHidden: tellsOfHidden(catalog, relation, query, identity.role),
    });
  }
  const asked = tidemarkOf(request, query);
  if (exported !== null && request.method === 'GET') {
    const statement = planExport(catalog, relation, query, exported.media.kind);
    const { route } = ASKED.holder;
    const client = clientOf(request);
    const resetAfter = catalog.changesSession;
    return exporter.send(reply, { request: exported, statement, identity, tidemark: asked, route, client, resetAfter });
  }
  const reading = { request, reply, read, identity, asked };
  return query.after === null ? readCached(context, reading) : readKeysetPage(context, reading);
}
