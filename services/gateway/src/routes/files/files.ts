/**
 * Grants and policies on tidemark.files decide who may list, download, upload and delete files; there is no other
 * permission.
 */
import type { BaseApp, Metrics } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import { createFileContext } from './context.ts';
import { registerFileDelete } from './delete.ts';
import { registerFileDownload } from './download/download.ts';
import { registerFileList } from './list.ts';
import { registerFileSign } from './sign.ts';
import { registerFileUpload } from './upload/upload.ts';

export const fileRoutes = fp(
  async (app: BaseApp, context: RouteContext & { readonly metrics: Metrics }) => {
    const files = createFileContext(context);
    registerFileList(app, files);
    registerFileDownload(app, files);
    registerFileSign(app, files);
    registerFileDelete(app, files);
    registerFileUpload(app, files);
  },
  { name: 'file-routes', dependencies: ['bodies', 'identity'] },
);
