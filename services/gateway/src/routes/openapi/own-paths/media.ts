import { ImageTransform } from '@tidemark/contracts';
import type { Schema } from '../column-schema.ts';
import { jsonContent, refused, schemaRef } from '../components.ts';
import { inQuery, type Paths, text, uuid } from './parts.ts';

const FILE = inQuery('file', 'The id of a file that the caller may see; absent: the body is the image.', uuid);
const number = { type: 'number' };
const integer = { type: 'integer' };

export const mediaSchemas: Readonly<Record<string, Schema>> = {
  ImageTransform: JSON.parse(JSON.stringify(ImageTransform)) as Schema,
  OcrText: {
    type: 'object',
    required: ['text', 'confidence', 'width', 'height', 'words'],
    properties: {
      text,
      confidence: { ...number, description: '0 to 100' },
      width: integer,
      height: integer,
      page: integer,
      pages: integer,
      dpi: integer,
      scale: number,
      words: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            text,
            confidence: number,
            box: { type: 'array', items: integer, description: 'left, top, width and height in pixels' },
            line: { type: 'array', items: integer, description: 'block, paragraph and line, from 1' },
          },
        },
      },
    },
  },
};

export const mediaPaths: Paths = {
  '/api/v1/images/transform': {
    post: {
      tags: ['media'],
      operationId: 'images.transform',
      summary: 'Transform one image without a job',
      parameters: [FILE, inQuery('transform', 'The transform as JSON, where the image is the body.')],
      requestBody: {
        required: true,
        content: { ...jsonContent(schemaRef('ImageTransform')), 'image/*': { schema: {} } },
      },
      responses: { '200': { description: 'The image.', content: { 'image/*': { schema: {} } } }, ...refused },
    },
  },
  '/api/v1/ocr': {
    post: {
      tags: ['media'],
      operationId: 'ocr.read',
      summary: 'Read the text of one image, or of a page of a PDF, without a job',
      parameters: [
        FILE,
        inQuery('languages', 'Codes of languages, separated by commas; default eng.'),
        inQuery('dpi', 'At which a page of a PDF is drawn.', { ...integer, minimum: 72, maximum: 600, default: 300 }),
        inQuery('page', 'Of a PDF, from 1.', { ...integer, minimum: 1, default: 1 }),
      ],
      requestBody: { content: { 'image/*': { schema: {} }, 'application/pdf': { schema: {} } } },
      responses: { '200': { description: 'The text.', content: jsonContent(schemaRef('OcrText')) }, ...refused },
    },
  },
};
