import { CreateSchedule, Schedule } from '@tidemark/contracts';
import type { Schema } from '../column-schema.ts';
import { jsonContent, refused, schemaRef } from '../components.ts';
import { answer, inQuery, type Paths, SCHEDULE } from './parts.ts';

export const scheduleSchemas: Readonly<Record<string, Schema>> = {
  CreateSchedule: JSON.parse(JSON.stringify(CreateSchedule)) as Schema,
  Schedule: JSON.parse(JSON.stringify(Schedule)) as Schema,
};

export const schedulePaths: Paths = {
  '/api/v1/schedules': {
    get: {
      tags: ['schedules'],
      operationId: 'schedules.list',
      summary: 'Schedules, the newest first',
      responses: { '200': answer('The schedules.', { type: 'array', items: schemaRef('Schedule') }), ...refused },
    },
    post: {
      tags: ['schedules'],
      operationId: 'schedules.create',
      summary: 'Create a schedule: a job that starts again and again',
      requestBody: { required: true, content: jsonContent(schemaRef('CreateSchedule')) },
      responses: { '201': answer('Created.', schemaRef('Schedule')), ...refused },
    },
  },
  '/api/v1/schedules/{id}': {
    parameters: [SCHEDULE],
    get: {
      tags: ['schedules'],
      operationId: 'schedules.get',
      summary: 'A schedule, and when it fires next',
      responses: { '200': answer('The schedule.', schemaRef('Schedule')), ...refused },
    },
    delete: {
      tags: ['schedules'],
      operationId: 'schedules.delete',
      summary: 'Delete a schedule; jobs that it has started go on',
      responses: { '200': answer('What was deleted.', schemaRef('Schedule')), ...refused },
    },
  },
  '/api/v1/schedules/{id}/runs': {
    parameters: [SCHEDULE],
    get: {
      tags: ['schedules'],
      operationId: 'schedules.runs',
      summary: 'What became of each time of a schedule, the latest first',
      parameters: [inQuery('after', 'The due_at of the last one of the page before.')],
      responses: {
        '200': answer('A page; Link has the next.', { type: 'array', items: { type: 'object' } }),
        ...refused,
      },
    },
  },
  ...Object.fromEntries(
    (['pause', 'resume', 'run'] as const).map((action) => [
      `/api/v1/schedules/{id}/${action}`,
      {
        parameters: [SCHEDULE],
        post: {
          tags: ['schedules'],
          operationId: `schedules.${action}`,
          summary: `Calls tidemark.${action}_schedule`,
          responses: { '200': answer('The schedule.', schemaRef('Schedule')), ...refused },
        },
      },
    ]),
  ),
};
