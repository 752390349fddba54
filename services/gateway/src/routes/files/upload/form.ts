/** Streams the files of a multipart form into the store as they arrive. Their rows are inserted after the last file, all or none. */
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
  /** The path in the URL; the form then has one file. */
  path: string | undefined;
  fields: UploadFields;
  replace: boolean;
  limitBytes: number;
  signal: AbortSignal;
  /** Called before the first byte of a file is read, once the caller is known to have the right to store it. */
  takeSlot(): UploadSlot;
}

const MAX_FIELDS = 8;
const MAX_FIELD_BYTES = 16 * 1024;

/** A field applies to the files after it, so that no file must be held until the fields are known. */
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
    // The store refuses the first byte over the limit; the parser, which would cut off the file silently, has a limit one byte higher.
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
  else throw fileRequestErrors.FORM({ reason: `the field "${name.slice(0, 50)}" is unknown` });
}

/** The parser's errors have no class: @fastify/multipart gives them a 4xx status, busboy only a message. */
function isParserError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const status = (error as { statusCode?: number }).statusCode;
  return status !== undefined
    ? status >= 400 && status < 500
    : /multipart|form|part|boundary|header/i.test(error.message);
}
