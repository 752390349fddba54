/** The files of a multipart form, each streamed into the store as it arrives; their rows come after the last, all or none. */
import type { Multipart } from '@fastify/multipart';
import { TidemarkError } from '@tidemark/contracts';
import type { UploadedFile, UploadOptions } from '@tidemark/files';
import type { FastifyRequest } from 'fastify';
import type { FileContext } from '../context.ts';
import { fileRequestErrors } from '../errors.ts';
import { checkPath } from '../path.ts';
import { receive } from './receive.ts';
import { tryRows } from './save-rows.ts';
import { metadataOf, targetOf, type UploadFields } from './upload-fields.ts';
import type { UploadSlot } from './upload-slots.ts';
import { unlessAborted } from './upload-watch.ts';

export interface FormOptions {
  /** From the URL: then the form has one file, and this is its path. */
  path: string | undefined;
  /** From the query; a field of the form counts for the files after it. */
  fields: UploadFields;
  replace: boolean;
  limitBytes: number;
  signal: AbortSignal;
  /** Called before the first byte of a file is read, after it is known that the caller may store it. */
  takeSlot(): UploadSlot;
}

/** Most fields beside the files, and bytes of each. */
const MAX_FIELDS = 8;
const MAX_FIELD_BYTES = 16 * 1024;

/** A field counts for the files after it, so that a file need not be held until the fields are known. */
export async function receiveForm(
  context: FileContext,
  request: FastifyRequest,
  { path: fixedPath, replace, limitBytes, signal, takeSlot, ...given }: FormOptions,
): Promise<{ files: UploadedFile[]; options: UploadOptions }> {
  const names: { path?: string; prefix: string } = { prefix: '' };
  const fields = { ...given.fields };
  const files: UploadedFile[] = [];
  try {
    for await (const part of partsOf(context, request, limitBytes, signal)) {
      if (part.type === 'field') {
        setField(names, fields, part.fieldname, String(part.value));
        continue;
      }
      const path = checkPath(fixedPath ?? names.path ?? `${names.prefix}${part.filename ?? ''}`);
      if (files.some((file) => file.path === path))
        throw fileRequestErrors.FORM({ reason: `two files have the path ${path}` });
      const metadata = metadataOf(fields.metadata);
      await tryRows(context, request, path, 1, { ...targetOf(fields), replace });
      const slot = takeSlot();
      const { key, ...stored } = await receive(context.files.store, part.file, {
        declared: part.mimetype,
        limitBytes,
        signal,
        onBytes: slot.add,
      });
      files.push({ path, ...stored, storageKey: key, metadata });
    }
  } catch (error) {
    if (error instanceof TidemarkError || !isParserError(error)) throw error;
    throw fileRequestErrors.FORM({ reason: error.message }, { cause: error });
  }
  if (files.length === 0) throw fileRequestErrors.FORM({ reason: 'the form has no file' });
  return { files, options: { ...targetOf(fields), replace } };
}

async function* partsOf(
  context: FileContext,
  request: FastifyRequest,
  limitBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Multipart> {
  const files = context.config.FILES_PER_FORM;
  const parts = request.parts({
    // The store refuses the byte after the limit; the parser, which would cut the file off, comes one later.
    limits: {
      files,
      fields: MAX_FIELDS,
      fieldSize: MAX_FIELD_BYTES,
      fileSize: limitBytes + 1,
      parts: files + MAX_FIELDS,
    },
  });
  for (;;) {
    const next = await unlessAborted(parts.next(), signal);
    if (next.done) return;
    yield next.value;
  }
}

function setField(names: { path?: string; prefix: string }, fields: UploadFields, name: string, value: string): void {
  if (name === 'path') names.path = value;
  else if (name === 'prefix') names.prefix = value;
  else if (name === 'owner' || name === 'bucket' || name === 'visibility' || name === 'metadata') fields[name] = value;
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
