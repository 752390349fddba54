export { type FileStoreConfig, fileStoreConfig, fileStoreOptions } from './config.ts';
export { fileErrors } from './errors.ts';
export type {
  FileFacts,
  FileRow,
  NewFile,
  UploadedFile,
  UploadOptions,
  UploadTarget,
  Visibility,
} from './file-rows.ts';
export { createLocalFileStore, type LocalFileStoreOptions } from './local-store.ts';
export { type FileStoreOptions, openFileStore } from './open-store.ts';
export { belongsToStore, preparePrivateFolder } from './private-folder.ts';
export { createFileRegistry, type FileRegistry } from './registry.ts';
export { type ListOptions, listStatement, registryStatements } from './registry-statements.ts';
export type { S3FileStoreOptions } from './s3-store.ts';
export { type ImageType, SNIFF_BYTES, sniffImage } from './sniff.ts';
export { agreedType, isInlineSafe, type SniffedType, sniffType, TYPE_BYTES } from './sniff-type.ts';
export * from './types.ts';
export { type UploadOutcome, uploadFiles } from './upload-rows.ts';
