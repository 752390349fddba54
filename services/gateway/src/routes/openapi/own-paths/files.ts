import type { Schema } from '../column-schema.ts';
import { jsonContent, parameterRef, refused, schemaRef, tidemarkHeader } from '../components.ts';
import { answer, inPath, inQuery, type Paths, text, uuid } from './parts.ts';

const bytes = { '*/*': { schema: {} } };
const FILE = inPath('file', 'The id of a file, or its path.');
const BUCKET = inQuery('bucket', 'The bucket of the path; default the bucket of the caller’s own files.');
const upload = (operationId: string, summary: string) => ({
  tags: ['files'],
  operationId,
  summary,
  parameters: [
    inPath('file', 'The path: names separated by slashes.'),
    BUCKET,
    inQuery('owner', 'The owner; default the caller’s `sub`. Empty: no owner, so that only the service role sees it.'),
    inQuery('visibility', 'public: everybody may see the file.', { enum: ['private', 'public'], default: 'private' }),
    inQuery('metadata', 'A JSON object for the row.'),
  ],
  requestBody: { required: true, content: bytes },
  responses: {
    '201': { ...answer('Stored.', schemaRef('File')), headers: { ...tidemarkHeader, Location: { schema: text } } },
    ...(operationId === 'files.put' ? { '200': answer('Replaced, under a new id.', schemaRef('File')) } : {}),
    ...refused,
  },
});
const download = (operationId: string, summary: string, body: Schema) => ({
  tags: ['files'],
  operationId,
  summary,
  parameters: [
    FILE,
    BUCKET,
    {
      name: 'Range',
      in: 'header',
      description: 'One range of bytes; several ranges select the whole.',
      schema: text,
    },
    inQuery('width', 'A thumbnail of an image, in one of the widths of FILES_THUMBNAIL_WIDTHS.', { type: 'integer' }),
    inQuery('expires', 'The expiry of a signed URL.'),
    inQuery('signature', 'The signature of a signed URL, which needs no token.'),
  ],
  responses: {
    '200': { description: 'The bytes.', ...body },
    ...(operationId === 'files.get' ? { '206': { description: 'The requested part.', ...body } } : {}),
    '304': { description: 'Not changed.' },
    ...refused,
  },
});

export const fileSchemas: Readonly<Record<string, Schema>> = {
  File: {
    type: 'object',
    required: ['id', 'bucket', 'path', 'content_type', 'size', 'sha256', 'metadata', 'owner', 'created_at', 'href'],
    properties: {
      id: uuid,
      bucket: text,
      path: text,
      content_type: text,
      size: { type: 'integer', format: 'int64' },
      sha256: text,
      metadata: { type: 'object' },
      owner: { type: ['string', 'null'] },
      visibility: { enum: ['private', 'public'] },
      job_id: { type: ['string', 'null'], format: 'uuid' },
      created_at: { type: 'string', format: 'date-time' },
      href: text,
    },
  },
};

export const filePaths: Paths = {
  '/api/v1/files': {
    get: {
      tags: ['files'],
      operationId: 'files.list',
      summary: 'Files below a prefix, by path',
      parameters: [
        inQuery('bucket', 'Files of this bucket; default those of all buckets that the caller may see.'),
        inQuery('prefix', 'What their paths start with.'),
        inQuery('after', 'The path of the last one of the page before; the Link header has the next page.'),
        inQuery('afterBucket', 'The bucket of that file, where no bucket is named.'),
        inQuery('limit', 'Files of a page.', { type: 'integer', minimum: 1, maximum: 1_000, default: 100 }),
        ...['tidemark', 'Tidemark'].map(parameterRef),
      ],
      responses: { '200': answer('The files.', { type: 'array', items: schemaRef('File') }), ...refused },
    },
    post: {
      tags: ['files'],
      operationId: 'files.form',
      summary: 'Upload the files of a form, all or none',
      requestBody: {
        required: true,
        content: {
          'multipart/form-data': {
            schema: {
              type: 'object',
              properties: {
                prefix: text,
                path: text,
                bucket: text,
                owner: text,
                visibility: text,
                metadata: text,
                file: { type: 'array', items: {} },
              },
            },
          },
        },
      },
      responses: { '201': answer('Stored.', { type: 'array', items: schemaRef('File') }), ...refused },
    },
  },
  '/api/v1/files/{file}': {
    get: download('files.get', 'Download a file', { content: bytes }),
    head: download('files.head', 'What a download would be', {}),
    put: upload('files.put', 'Upload a file, or replace it'),
    post: upload('files.post', 'Upload a file'),
    delete: {
      tags: ['files'],
      operationId: 'files.delete',
      summary: 'Delete a file',
      parameters: [FILE, BUCKET],
      responses: { '204': { description: 'Deleted.', headers: tidemarkHeader }, ...refused },
    },
  },
  '/api/v1/files/{id}/sign': {
    post: {
      tags: ['files'],
      operationId: 'files.sign',
      summary: 'A URL that works without a token for a while',
      parameters: [inPath('id', 'The id of a file.', uuid)],
      requestBody: {
        required: true,
        content: jsonContent({
          type: 'object',
          required: ['expiresIn'],
          properties: { expiresIn: { type: 'integer', minimum: 1, description: 'seconds' } },
        }),
      },
      responses: {
        '200': {
          description: 'The URL.',
          content: jsonContent({
            type: 'object',
            required: ['url', 'expiresAt'],
            properties: { url: text, expiresAt: { type: 'string', format: 'date-time' } },
          }),
        },
        ...refused,
      },
    },
  },
};
