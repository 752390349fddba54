import { jsonContent, parameterRef, refused } from '../components.ts';
import { answer, type Paths, text } from './parts.ts';

export const transactionPaths: Paths = {
  '/api/v1/transaction': {
    post: {
      tags: ['transactions'],
      operationId: 'transaction',
      summary: 'Several writes, all or nothing',
      parameters: [parameterRef('IdempotencyKey')],
      requestBody: {
        required: true,
        content: jsonContent({
          type: 'object',
          required: ['operations'],
          properties: {
            operations: {
              type: 'array',
              items: {
                type: 'object',
                required: ['method', 'path'],
                properties: {
                  method: { enum: ['POST', 'PATCH', 'PUT', 'DELETE'] },
                  path: text,
                  body: {},
                  prefer: text,
                },
              },
            },
          },
        }),
      },
      responses: { '200': answer('What each of them gave.', {}), ...refused },
    },
  },
};
