/**
 * Jobs are rows of `tidemark.jobs`. The planner divides a job into chunks (`tidemark.job_chunks`); each chunk is one
 * message on `work.<priority>`.
 *
 *    job    queued → planning → running ⇄ paused, then succeeded | partly_failed | failed | cancelled
 *    chunk  planned → queued → running → done | split | failed | cancelled
 */
import { type Static, Type } from 'typebox';
import { PRIORITIES } from './subjects.ts';

export const JOB_STATES = [
  ...(['queued', 'planning', 'running', 'paused'] as const),
  ...(['succeeded', 'partly_failed', 'failed', 'cancelled'] as const),
] as const;
export type JobState = (typeof JOB_STATES)[number];
export const FINAL_JOB_STATES: readonly JobState[] = ['succeeded', 'partly_failed', 'failed', 'cancelled'];

const priority = Type.Enum(PRIORITIES, { default: 'normal' });

/** The steps that `image.transform` applies to each input, in this order. */
export const ImageTransform = Type.Object(
  {
    resize: Type.Optional(
      Type.Object(
        {
          width: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_384 })),
          height: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_384 })),
          fit: Type.Optional(Type.Enum(['cover', 'contain', 'fill', 'inside', 'outside'])),
        },
        { additionalProperties: false, anyOf: [{ required: ['width'] }, { required: ['height'] }] },
      ),
    ),
    greyscale: Type.Optional(Type.Boolean()),
    blur: Type.Optional(Type.Number({ minimum: 0.3, maximum: 100, description: 'sigma in pixels' })),
    format: Type.Optional(Type.Enum(['jpeg', 'png', 'webp'])),
    quality: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type ImageTransform = Static<typeof ImageTransform>;

/** Files of `tidemark.files` that the caller may see: by id, or all below a path prefix, of one bucket or of all. */
export const FileInputs = Type.Union([
  Type.Object(
    { files: Type.Array(Type.String({ format: 'uuid' }), { minItems: 1, maxItems: 10_000 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      prefix: Type.String({ minLength: 1, maxLength: 512 }),
      bucket: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 })),
    },
    { additionalProperties: false },
  ),
]);
export type FileInputs = Static<typeof FileInputs>;

export const ImageTransformSpec = Type.Object(
  { input: FileInputs, transform: ImageTransform },
  { additionalProperties: false },
);
export type ImageTransformSpec = Static<typeof ImageTransformSpec>;

/** A request for a new job. `tidemark.job_kinds` lists the kinds and the schemas of their specs. */
export const CreateJob = Type.Object(
  {
    kind: Type.String({ minLength: 1, maxLength: 64 }),
    spec: Type.Unknown(),
    priority: Type.Optional(priority),
    run_at: Type.Optional(Type.String({ format: 'date-time', description: 'not before this' })),
    deadline: Type.Optional(Type.String({ format: 'date-time', description: 'the job ends then with what it has' })),
  },
  { additionalProperties: false },
);
export type CreateJob = Static<typeof CreateJob>;

/** A row of `tidemark.jobs`, as the API and the live changes return it. */
export const Job = Type.Object({
  id: Type.String({ format: 'uuid' }),
  kind: Type.String(),
  spec: Type.Unknown(),
  priority,
  state: Type.Enum(JOB_STATES),
  total: Type.Integer({ description: 'items; 0 until planned' }),
  done: Type.Integer(),
  failed: Type.Integer(),
  planned_all: Type.Boolean({ description: 'whether total counts all items: the source may have more' }),
  waits_for: Type.Union([Type.String(), Type.Null()], { description: 'what the job waits for, beside a free place' }),
  error: Type.Union([Type.Unknown(), Type.Null()]),
  run_at: Type.Union([Type.String(), Type.Null()]),
  deadline: Type.Union([Type.String(), Type.Null()]),
  created_at: Type.String(),
  started_at: Type.Union([Type.String(), Type.Null()]),
  finished_at: Type.Union([Type.String(), Type.Null()]),
});
export type Job = Static<typeof Job>;

/** The message on `work.<priority>`. It only refers to the chunk's row, which holds the state. */
export const WorkMessage = Type.Object({
  job: Type.String({ format: 'uuid' }),
  chunk: Type.Integer({ minimum: 0 }),
  attempt: Type.Integer({ minimum: 1 }),
});
export type WorkMessage = Static<typeof WorkMessage>;
