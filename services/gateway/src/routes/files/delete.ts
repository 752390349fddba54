/** DELETE /api/v1/files/<id or path> deletes the row, as the caller. The orphan sweep deletes the bytes once no row refers to them. */
import { registryStatements } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { askedBy } from '../../request/asked.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bucketOfQuery } from './bucket.ts';
import type { FileContext } from './context.ts';
import { fileRequestErrors } from './errors.ts';
import { isFileId } from './path.ts';

export function registerFileDelete(app: BaseApp, context: FileContext): void {
  app.delete<{ Params: { '*': string } }>('/api/v1/files/*', (request, reply) =>
    remove(context, request, reply, request.params['*']),
  );
}

async function remove(context: FileContext, request: FastifyRequest, reply: FastifyReply, name: string) {
  const statement = isFileId(name)
    ? { text: registryStatements.removeById, params: [name] }
    : { text: registryStatements.removeByPath, params: [name, bucketOfQuery(request.query) ?? null] };
  const { results, tidemark } = await context.db.write({
    identity: fullIdentity(request, { schema: 'tidemark' }),
    statements: [statement],
    ...askedBy(request, { holder: { route: 'DELETE /api/v1/files/*' } }),
  });
  if ((results[0]?.count ?? 0) === 0) throw fileRequestErrors.NOT_DELETED({ file: name });
  return reply.code(204).header('tidemark', tidemark).send();
}
