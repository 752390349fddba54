import { CreateJob } from '@tidemark/contracts';
import type { Schema } from '../column-schema.ts';
import { jsonContent, parameterRef, refused, schemaRef } from '../components.ts';
import { answer, JOB, type Paths, text, uuid } from './parts.ts';

export const jobSchemas: Readonly<Record<string, Schema>> = {
  CreateJob: JSON.parse(JSON.stringify(CreateJob)) as Schema,
  Job: { type: 'object', required: ['id', 'kind', 'state'], properties: { id: uuid, kind: text, state: text } },
};

export const jobPaths: Paths = {
  '/api/v1/jobs': {
    get: {
      tags: ['jobs'],
      operationId: 'jobs.list',
      summary: 'Jobs, the newest first',
      responses: { '200': answer('The jobs.', { type: 'array', items: schemaRef('Job') }), ...refused },
    },
    post: {
      tags: ['jobs'],
      operationId: 'jobs.start',
      summary: 'Start a job',
      parameters: [parameterRef('IdempotencyKey')],
      requestBody: { required: true, content: jsonContent(schemaRef('CreateJob')) },
      responses: { '202': answer('Accepted.', schemaRef('Job')), ...refused },
    },
  },
  '/api/v1/jobs/{id}': {
    parameters: [JOB],
    get: {
      tags: ['jobs'],
      operationId: 'jobs.get',
      summary: 'A job and its progress',
      responses: { '200': answer('The job.', schemaRef('Job')), ...refused },
    },
    delete: {
      tags: ['jobs'],
      operationId: 'jobs.cancel',
      summary: 'Cancel a job',
      responses: { '200': answer('The job.', schemaRef('Job')), ...refused },
    },
  },
  ...Object.fromEntries(
    (['cancel', 'pause', 'resume', 'retry'] as const).map((action) => [
      `/api/v1/jobs/{id}/${action}`,
      {
        parameters: [JOB],
        post: {
          tags: ['jobs'],
          operationId: `jobs.${action}Job`,
          summary: `Calls tidemark.${action}_job`,
          responses: { '200': answer('The job.', schemaRef('Job')), ...refused },
        },
      },
    ]),
  ),
  ...Object.fromEntries(
    (['items', 'results', 'failures'] as const).map((what) => [
      `/api/v1/jobs/{id}/${what}`,
      {
        parameters: [JOB],
        get: {
          tags: ['jobs'],
          operationId: `jobs.${what}`,
          summary: `The ${what} of a job, by index`,
          responses: {
            '200': answer('A page; Link has the next.', { type: 'array', items: { type: 'object' } }),
            ...refused,
          },
        },
      },
    ]),
  ),
};
