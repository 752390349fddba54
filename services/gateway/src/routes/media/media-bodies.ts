import { AT_ONCE_MAX_BYTES } from '@tidemark/contracts';
import { authErrors, type BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { readIdentity } from '../../request/identity-settings.ts';
import { fileRequestErrors } from '../files/errors.ts';
import { isFileId } from '../files/path.ts';

/** Bodies of images and documents are bytes here, and JSON stays text. */
export function mediaBodies(scope: BaseApp): void {
  const options = { parseAs: 'buffer', bodyLimit: AT_ONCE_MAX_BYTES } as const;
  for (const type of [/^image\//, 'application/pdf']) {
    scope.addContentTypeParser(type, options, (_request, body, done) => done(null, body));
  }
}

/** The parser of bytes has no deadline of its own. */
export const MEDIA_CONFIG = { ownDeadline: false };

interface MediaInput {
  name: string;
  key?: string;
  /** base64. */
  bytes?: string;
}

/** Returns the place of the bytes of `?file=`, found with the caller's rights, or the body. */
export async function mediaInput(context: RouteContext, request: FastifyRequest): Promise<MediaInput> {
  if (!request.caller.authenticated) throw authErrors.REQUIRED();
  const { file: id } = request.query as { file?: string };
  if (Buffer.isBuffer(request.body)) {
    if (id !== undefined) throw errors.MEDIA_INPUT({ problem: 'it has both a file and an image as its body' });
    return { name: 'body', bytes: request.body.toString('base64') };
  }
  if (id === undefined) throw errors.MEDIA_INPUT({ problem: 'it has neither ?file= nor an image as its body' });
  if (!isFileId(id)) throw fileRequestErrors.NOT_FOUND({ file: id });
  const file = await context.files.registry.find(readIdentity(request, { schema: 'tidemark' }), id);
  if (!file) throw fileRequestErrors.NOT_FOUND({ file: id });
  return { name: file.path.split('/').at(-1) as string, key: file.storage_key };
}
