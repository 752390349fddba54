/** What the routes below /api/v1/files share. */

import type { Metrics } from '@tidemark/service';
import type { RouteContext } from '../routes/context.ts';
import { createUrlSigner, type UrlSigner } from './signed-url.ts';
import { createUploadSlots, type UploadSlots } from './upload-slots.ts';

export interface FileContext extends RouteContext {
  readonly uploads: UploadSlots;
  readonly signer: UrlSigner;
}

export function createFileContext(context: RouteContext & { readonly metrics: Metrics }): FileContext {
  const { config, metrics } = context;
  return {
    ...context,
    uploads: createUploadSlots(config.FILES_UPLOADS_MAX, metrics),
    signer: createUrlSigner(config.JWT_SECRET),
  };
}
