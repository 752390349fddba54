/**
 * Jobs are rows of `tidemark.jobs`. The planner divides a job into chunks (`tidemark.job_chunks`); each chunk is one
 * message on `work.<priority>`.
 *
 *    job    queued → planning → running ⇄ paused, then succeeded | partly_failed | failed | cancelled
 *    chunk  planned → queued → running → done | split | failed | cancelled
 */
import { type Static, type TSchema, Type } from 'typebox';
import { PRIORITIES } from './subjects.ts';
import { TIDEMARK_PATTERN } from './tidemark.ts';

export const JOB_STATES = [
  ...(['queued', 'planning', 'running', 'paused'] as const),
  ...(['succeeded', 'partly_failed', 'failed', 'cancelled'] as const),
] as const;
export type JobState = (typeof JOB_STATES)[number];
export const FINAL_JOB_STATES: readonly JobState[] = ['succeeded', 'partly_failed', 'failed', 'cancelled'];

const priority = Type.Enum(PRIORITIES, { default: 'normal' });

const side = Type.Integer({ minimum: 1, maximum: 16_384 });
const offset = Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'pixels' });
const quality = Type.Integer({ minimum: 1, maximum: 100 });
const imageFormat = Type.Enum(['jpeg', 'png', 'webp', 'avif']);
const resizeProperties = {
  width: Type.Optional(side),
  height: Type.Optional(side),
  fit: Type.Optional(Type.Enum(['cover', 'contain', 'fill', 'inside', 'outside'])),
  enlarge: Type.Optional(Type.Boolean({ default: true, description: 'false: a smaller image keeps its size' })),
};
const anySide = { additionalProperties: false, anyOf: [{ required: ['width'] }, { required: ['height'] }] };

/** The steps that `image.transform` applies to each input, in this order, after it has applied the EXIF orientation. */
export const ImageTransform = Type.Object(
  {
    crop: Type.Optional(
      Type.Object({ left: offset, top: offset, width: side, height: side }, { additionalProperties: false }),
    ),
    rotate: Type.Optional(Type.Number({ minimum: -360, maximum: 360, description: 'degrees, clockwise' })),
    resize: Type.Optional(Type.Object(resizeProperties, anySide)),
    sizes: Type.Optional(
      Type.Array(
        Type.Object(
          { ...resizeProperties, format: Type.Optional(imageFormat), quality: Type.Optional(quality) },
          anySide,
        ),
        { minItems: 1, maxItems: 16, description: 'one file each, from one decoding; instead of resize' },
      ),
    ),
    greyscale: Type.Optional(Type.Boolean()),
    blur: Type.Optional(Type.Number({ minimum: 0.3, maximum: 100, description: 'sigma in pixels' })),
    background: Type.Optional(
      Type.String({
        pattern: '^#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})$',
        description: 'colour of the part that the image does not cover; default: transparent, and white in JPEG',
      }),
    ),
    format: Type.Optional(imageFormat),
    quality: Type.Optional(quality),
    compress: Type.Optional(Type.Boolean({ description: 'takes several times as long for fewer bytes' })),
    metadata: Type.Optional(
      Type.Enum(['strip', 'keep'], { default: 'strip', description: 'EXIF (with places) and XMP' }),
    ),
  },
  { additionalProperties: false, minProperties: 1, not: { required: ['resize', 'sizes'] } },
);
export type ImageTransform = Static<typeof ImageTransform>;

/**
 * Files of `tidemark.files` that the caller may see: by id, all below a path prefix, of one bucket or of all, or those that the rows
 * of a query name.
 */
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
  Type.Object(
    {
      query: Type.String({
        minLength: 1,
        maxLength: 16_384,
        description: 'table and filters, as after /rest/v1/: images?project_id=eq.7',
      }),
      schema: Type.Optional(
        Type.String({ minLength: 1, maxLength: 63, description: 'default: the first that is exposed' }),
      ),
      file: Type.String({ minLength: 1, maxLength: 63, description: 'column with the id of the file' }),
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

/** How `ocr` reads the text of images and documents. */
export const OcrOptions = Type.Object(
  {
    languages: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-zA-Z][a-zA-Z0-9_]{1,31}$' }), {
        minItems: 1,
        maxItems: 8,
        uniqueItems: true,
        description: 'codes of tesseract, the main one first; default: eng',
      }),
    ),
    dpi: Type.Optional(
      Type.Integer({
        minimum: 72,
        maximum: 600,
        default: 300,
        description: 'at which pages of a PDF are drawn; lower where a page would have too many pixels',
      }),
    ),
  },
  { additionalProperties: false },
);
export type OcrOptions = Static<typeof OcrOptions>;

/** A request for a new job. `tidemark.job_kinds` lists the kinds and the schemas of their specs. */
export const CreateJob = Type.Object(
  {
    kind: Type.String({ minLength: 1, maxLength: 64 }),
    spec: Type.Unknown(),
    priority: Type.Optional(priority),
    run_at: Type.Optional(Type.String({ format: 'date-time', description: 'not before this' })),
    deadline: Type.Optional(Type.String({ format: 'date-time', description: 'the job ends then with what it has' })),
    at_least: Type.Optional(
      Type.String({ pattern: TIDEMARK_PATTERN, description: 'inputs are read at this tidemark or later' }),
    ),
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
  tenant: Type.String({ description: 'a claim of the token; tenants share the threads evenly' }),
  state: Type.Enum(JOB_STATES),
  total: Type.Integer({ description: 'items; 0 until planned' }),
  done: Type.Integer(),
  failed: Type.Integer(),
  planned_all: Type.Boolean({ description: 'whether total counts all items: the source may have more' }),
  waits_for: Type.Union([Type.String(), Type.Null()], {
    description: 'reason for which the job waits, beside a free place',
  }),
  error: Type.Union([Type.Unknown(), Type.Null()]),
  run_at: Type.Union([Type.String(), Type.Null()]),
  deadline: Type.Union([Type.String(), Type.Null()]),
  at_least: Type.Union([Type.String(), Type.Null()]),
  tidemark: Type.Union([Type.String(), Type.Null()], { description: 'the inputs were read at it, or later' }),
  created_at: Type.String(),
  started_at: Type.Union([Type.String(), Type.Null()]),
  finished_at: Type.Union([Type.String(), Type.Null()]),
});
export type Job = Static<typeof Job>;

/** A request for a new schedule: a job that starts again and again. */
export const CreateSchedule = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'one schedule of the caller has it' }),
    pattern: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'minute hour day month weekday, or six fields with seconds first',
    }),
    time_zone: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, default: 'UTC', description: 'name of the IANA time zone' }),
    ),
    kind: Type.String({ minLength: 1, maxLength: 64 }),
    spec: Type.Unknown(),
    priority: Type.Optional(priority),
    missed: Type.Optional(
      Type.Enum(['skip', 'once', 'all'], {
        default: 'once',
        description: 'jobs for the times at which no instance ran: none, one, or at most 100',
      }),
    ),
    overlap: Type.Optional(
      Type.Enum(['skip', 'queue', 'allow', 'replace'], {
        default: 'skip',
        description: 'when the job before has not ended: no job, one after it, one beside it, or one in its place',
      }),
    ),
  },
  { additionalProperties: false },
);
export type CreateSchedule = Static<typeof CreateSchedule>;

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const Schedule = Type.Object({
  id: Type.String({ format: 'uuid' }),
  name: Type.String(),
  pattern: Type.String(),
  time_zone: Type.String(),
  kind: Type.String(),
  spec: Type.Unknown(),
  priority,
  missed: Type.Enum(['skip', 'once', 'all']),
  overlap: Type.Enum(['skip', 'queue', 'allow', 'replace']),
  paused: Type.Boolean(),
  next_at: orNull(Type.String({ description: 'when it fires next; null until batch has read the pattern' })),
  error: orNull(Type.Unknown({ description: 'why it does not fire' })),
  created_at: Type.String(),
});
export type Schedule = Static<typeof Schedule>;

/** The message on `work.<priority>`. It only refers to the chunk's row, which holds the state. */
export const WorkMessage = Type.Object({
  job: Type.String({ format: 'uuid' }),
  chunk: Type.Integer({ minimum: 0 }),
  attempt: Type.Integer({ minimum: 1 }),
});
export type WorkMessage = Static<typeof WorkMessage>;
