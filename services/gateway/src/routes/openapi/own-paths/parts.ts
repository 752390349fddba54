/** The parts that the descriptions of Tidemark's own paths share. */
import type { Schema } from '../column-schema.ts';
import { jsonContent, tidemarkHeader } from '../components.ts';

export const text = { type: 'string' };
export const inPath = (name: string, description: string, schema: Schema = text) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});
export const inQuery = (name: string, description: string, schema: Schema = text) => ({
  name,
  in: 'query',
  description,
  schema,
});
export const answer = (description: string, schema: Schema) => ({
  description,
  headers: tidemarkHeader,
  content: jsonContent(schema),
});
export const uuid = { type: 'string', format: 'uuid' };

export const JOB = inPath('id', 'The id of a job.', uuid);
export const SCHEDULE = inPath('id', 'The id of a schedule.', uuid);

export type Paths = Readonly<Record<string, Schema>>;
