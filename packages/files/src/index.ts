export { fileErrors } from './errors.ts';
export { createLocalFileStore, type LocalFileStoreOptions } from './local-store.ts';
export { createFileRegistry, type FileRegistry, type FileRow, type ListOptions, type NewFile } from './registry.ts';
export { type ImageType, SNIFF_BYTES, sniffImage } from './sniff.ts';
export * from './types.ts';
