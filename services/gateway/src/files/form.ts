/** The files of a multipart form, each streamed into the store as it arrives; their rows come after the last, all or none. */
import type { Multipart } from '@fastify/multipart';
import { TidemarkError } from '@tidemark/contracts';
import type { UploadedFile, UploadOptions } from '@tidemark/files';
import type { FastifyRequest } from 'fastify';
import type { FileContext } from './context.ts';
import { fileRequestErrors } from './errors.ts';
import { checkPath } from './path.ts';
import { type ReceiveOptions, receive } from './receive.ts';
import { tryRows } from './save-rows.ts';
import { metadataOf, ownerOf } from './upload-fields.ts';

export interface FormDefaults extends Omit<ReceiveOptions, 'declared'> {
  /** From the URL: then the form has one file, and this is its path. */
  path: string | undefined;
  metadata: Record<string, unknown>;
  owner: string | null | undefined;
}

/** Most fields beside the files, and bytes of each. */
const MAX_FIELDS = 8;
const MAX_FIELD_BYTES = 16 * 1024;

/** A field counts for the files after it, so that a file need not be held until the fields are known. */
export async function receiveForm(
  context: FileContext,
  request: FastifyRequest,
  defaults: FormDefaults,
  options: UploadOptions,
): Promise<{ files: UploadedFile[]; owner: string | null | undefined }> {
  const { limitBytes, stallMs } = defaults;
  const form = { path: defaults.path, prefix: '', metadata: defaults.metadata, owner: defaults.owner };
  const files: UploadedFile[] = [];
  try {
    for await (const part of partsOf(context, request, limitBytes)) {
      if (part.type === 'field') {
        setField(form, part.fieldname, String(part.value));
        continue;
      }
      const path = checkPath(form.path ?? `${form.prefix}${part.filename ?? ''}`);
      if (files.some((file) => file.path === path))
        throw fileRequestErrors.FORM({ reason: `two files have the path ${path}` });
      await tryRows(context, request, path, 1, {
        ...options,
        ...(form.owner === undefined ? {} : { owner: form.owner }),
      });
      const declared = part.mimetype;
      const { key, ...stored } = await receive(context.files.store, part.file, { declared, limitBytes, stallMs });
      files.push({ path, ...stored, storageKey: key, metadata: form.metadata });
    }
  } catch (error) {
    if (error instanceof TidemarkError || !isParserError(error)) throw error;
    throw fileRequestErrors.FORM({ reason: error.message }, { cause: error });
  }
  if (files.length === 0) throw fileRequestErrors.FORM({ reason: 'the form has no file' });
  return { files, owner: form.owner };
}

function partsOf(context: FileContext, request: FastifyRequest, limitBytes: number): AsyncIterable<Multipart> {
  const files = context.config.FILES_PER_FORM;
  return request.parts({
    // The store refuses the byte after the limit; the parser, which would cut the file off, comes one later.
    limits: {
      files,
      fields: MAX_FIELDS,
      fieldSize: MAX_FIELD_BYTES,
      fileSize: limitBytes + 1,
      parts: files + MAX_FIELDS,
    },
  });
}

function setField(
  form: {
    path: string | undefined;
    prefix: string;
    metadata: Record<string, unknown>;
    owner: string | null | undefined;
  },
  name: string,
  value: string,
): void {
  if (name === 'path') form.path ??= value;
  else if (name === 'prefix') form.prefix = value;
  else if (name === 'owner') form.owner = ownerOf(value);
  else if (name === 'metadata') form.metadata = metadataOf(value);
  else throw fileRequestErrors.FORM({ reason: `there is no field "${name.slice(0, 50)}"` });
}

/** The parser's errors have no class of their own: a status of 4xx, or busboy's plain ones. */
function isParserError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const status = (error as { statusCode?: number }).statusCode;
  return status !== undefined
    ? status >= 400 && status < 500
    : /multipart|form|part|boundary|header/i.test(error.message);
}
