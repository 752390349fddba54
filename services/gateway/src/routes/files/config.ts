import { Type } from 'typebox';

export const filesConfig = {
  FILES_MAX_BYTES: Type.Integer({
    default: 1024 ** 3,
    minimum: 1,
    maximum: 50_000 * 1024 ** 2,
    description: 'bytes of one uploaded file; streamed, so a limit of the disk, not of memory',
  }),
  FILES_PER_FORM: Type.Integer({
    default: 20,
    minimum: 1,
    maximum: 1_000,
    description: 'files of one multipart upload: they become visible together, in one transaction',
  }),
  FILES_UPLOADS_MAX: Type.Integer({
    default: 64,
    minimum: 1,
    description:
      'uploads at a time; one more gets 503. Each holds up to 20 MB with a bucket, 0.2 MB with a folder. Over half of it, one identity has an eighth',
  }),
  FILES_UPLOADS_MAX_BYTES: Type.Integer({
    default: 16 * 1024 ** 3,
    minimum: 1,
    description:
      'bytes of unfinished uploads, on the disk before a row names them; shared out as uploads are. At least twice FILES_MAX_BYTES counts',
  }),
  FILES_STALL_TIMEOUT_MS: Type.Integer({
    default: 15_000,
    minimum: 100,
    description: 'ms without a byte after which an upload is broken off: it holds a slot meanwhile',
  }),
  FILES_MIN_BYTES_PER_S: Type.Integer({
    default: 1_024,
    minimum: 0,
    description:
      'bytes a second that an upload must send on average, after FILES_STALL_TIMEOUT_MS: a slow one holds a slot. 0: no minimum',
  }),
  FILES_UPLOAD_TIMEOUT_MS: Type.Integer({
    default: 3_600_000,
    minimum: 1_000,
    description: 'ms for a whole upload: 1 GB at 2.4 Mbit/s',
  }),
  FILES_SIGNED_URL_MAX_S: Type.Integer({
    default: 7 * 86_400,
    minimum: 1,
    description: 'longest life of a signed URL in seconds; it ends earlier when its signer may no longer see the file',
  }),
  FILES_THUMBNAIL_WIDTHS: Type.String({
    default: '64,128,256,512,1024',
    pattern: '^[1-9][0-9]{0,3}(,[1-9][0-9]{0,3}){0,15}$',
    description: 'widths in pixels of thumbnails (?width=), separated by commas: each is made and kept by itself',
  }),
  FILES_THUMBNAILS_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 1_024,
    description: 'bytes of thumbnails in memory; the ones that were used longest ago go first, and are made again',
  }),
  AT_ONCE_MAX: Type.Integer({
    default: 16,
    minimum: 1,
    description:
      'transforms, thumbnails and OCR without a job that this gateway asks batch for at a time; one more gets 503. Over half of it, one identity has a quarter',
  }),
  FILES_ORPHAN_AGE_MS: Type.Integer({
    default: 86_400_000,
    minimum: 60_000,
    description: 'ms after which bytes without a row are deleted: longer than any upload takes',
  }),
};
