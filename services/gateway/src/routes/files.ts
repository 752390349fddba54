/**
 * /api/v1/files: bytes in the file store, each with a row in tidemark.files. Grants and policies on that table decide who may
 * list, download, upload and delete; there is no other permission.
 */
import type { BaseApp, Metrics } from '@tidemark/service';
import { createFileContext } from '../files/context.ts';
import type { RouteContext } from './context.ts';
import { registerFileDelete } from './files-delete.ts';
import { registerFileDownload } from './files-download.ts';
import { registerFileList } from './files-list.ts';
import { registerFileSign } from './files-sign.ts';
import { registerFileUpload } from './files-upload.ts';

export function registerFiles(app: BaseApp, context: RouteContext & { readonly metrics: Metrics }): void {
  const files = createFileContext(context);
  registerFileList(app, files);
  registerFileDownload(app, files);
  registerFileSign(app, files);
  registerFileDelete(app, files);
  registerFileUpload(app, files);
}
