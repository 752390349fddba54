/** POST /api/v1/files/<id>/sign {"expiresIn": seconds} returns a URL that works without a token until it expires. */
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { readIdentity } from '../../request/identity-settings.ts';
import { bodyOf } from '../../request/parse.ts';
import type { FileContext } from './context.ts';
import { fileRequestErrors } from './errors.ts';

const FileId = Type.Object({ id: Type.String({ format: 'uuid' }) });

export function registerFileSign(app: BaseApp, context: FileContext): void {
  app.post<{ Params: { id: string } }>('/api/v1/files/:id/sign', { schema: { params: FileId } }, (request, reply) =>
    sign(context, request, reply, request.params.id),
  );
}

/** A caller who may see a file may share it, as it could share the bytes. The URL works only while the signer may see the file. */
async function sign(context: FileContext, request: FastifyRequest, reply: FastifyReply, id: string) {
  const seconds = expiresIn(bodyOf(request), context.config.FILES_SIGNED_URL_MAX_S);
  const identity = readIdentity(request, { schema: 'tidemark' });
  const file = await context.files.registry.find(identity, id);
  if (!file) throw fileRequestErrors.NOT_FOUND({ file: id });
  const expires = Math.floor(Date.now() / 1_000) + seconds;
  return reply
    .header('cache-control', 'no-store')
    .send({ url: context.signer.sign(file.id, expires, identity), expiresAt: new Date(expires * 1_000).toISOString() });
}

function expiresIn(body: string, maximum: number): number {
  let given: unknown;
  try {
    given = (JSON.parse(body) as { expiresIn?: unknown } | null)?.expiresIn;
  } catch (cause) {
    throw fileRequestErrors.EXPIRES_IN({ given: 'not there, as the body is not JSON', maximum }, { cause });
  }
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 1 || given > maximum) {
    throw fileRequestErrors.EXPIRES_IN({ given: JSON.stringify(given) ?? 'missing', maximum });
  }
  return given;
}
