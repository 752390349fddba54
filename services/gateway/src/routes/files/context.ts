import { commaSeparated, type Metrics } from '@tidemark/service';
import type { RouteContext } from '../../context.ts';
import { createThumbnails, type Thumbnails } from './download/thumbnails.ts';
import { createUrlSigner, type UrlSigner } from './signed-url.ts';
import { createUploadSlots, type UploadSlots } from './upload/upload-slots.ts';

export interface FileContext extends RouteContext {
  readonly uploads: UploadSlots;
  readonly signer: UrlSigner;
  readonly thumbnails: Thumbnails;
}

export function createFileContext(context: RouteContext & { readonly metrics: Metrics }): FileContext {
  const { config, metrics } = context;
  return {
    ...context,
    uploads: createUploadSlots(
      {
        uploads: config.FILES_UPLOADS_MAX,
        // One identity alone may use half of it, and one file of the largest size must fit into that half.
        bytes: Math.max(config.FILES_UPLOADS_MAX_BYTES, 2 * config.FILES_MAX_BYTES),
      },
      metrics,
    ),
    thumbnails: createThumbnails(config, context.atOnce, metrics),
    signer: createUrlSigner(config.JWT_SECRET, commaSeparated(config.tokenRoles)),
  };
}
