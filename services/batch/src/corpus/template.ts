/** The template of a record: for each column a value, which says by its only member how it is made. */
import { Type } from 'typebox';
import { tableQuery } from '../tables/table-query.ts';

export interface TemplateValue {
  sequence?: { start?: number; step?: number };
  integer?: { min: number; max: number };
  decimal?: { min: number; max: number; scale: number };
  date?: { from: string; to: string };
  time?: { from: string; to: string };
  uuid?: Record<string, never>;
  choice?: unknown[];
  /** Whole numbers, one for each value of `choice`. */
  weights?: number[];
  text?: { min: number; max: number; words?: string[] };
  reference?: { query: string; schema?: string };
  value?: unknown;
  join?: (string | TemplateValue)[];
  object?: Record<string, TemplateValue>;
  array?: { of: TemplateValue; min: number; max: number };
  /** The share of records without the value, beside any of the others. */
  nulls?: number;
}

const MAX_SAFE = Number.MAX_SAFE_INTEGER;
const strict = { additionalProperties: false } as const;
const whole = (description: string) => Type.Integer({ minimum: -MAX_SAFE, maximum: MAX_SAFE, description });
const lengths = {
  min: Type.Integer({ minimum: 0, maximum: 1_000 }),
  max: Type.Integer({ minimum: 0, maximum: 1_000 }),
};
const nested = Type.Unsafe<TemplateValue>({ $ref: '#/$defs/value' });
const DATE = '^\\d{4}-\\d\\d-\\d\\d$';
const TIME = '^\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d)?(Z|[+-]\\d\\d:\\d\\d))?$';

const valueSchema = Type.Object(
  {
    sequence: Type.Optional(
      Type.Object(
        { start: Type.Optional(whole('default 1')), step: Type.Optional(whole('default 1')) },
        { ...strict, description: 'start + step × the number of the record, from 0 on' },
      ),
    ),
    integer: Type.Optional(Type.Object({ min: whole('included'), max: whole('included') }, strict)),
    decimal: Type.Optional(
      Type.Object(
        {
          min: Type.Number({ minimum: -1e12, maximum: 1e12 }),
          max: Type.Number({ minimum: -1e12, maximum: 1e12 }),
          scale: Type.Integer({ minimum: 0, maximum: 10, description: 'digits behind the point' }),
        },
        strict,
      ),
    ),
    date: Type.Optional(
      Type.Object({ from: Type.String({ pattern: DATE }), to: Type.String({ pattern: DATE }) }, strict),
    ),
    time: Type.Optional(
      Type.Object(
        { from: Type.String({ pattern: TIME }), to: Type.String({ pattern: TIME }) },
        { ...strict, description: 'whole seconds' },
      ),
    ),
    uuid: Type.Optional(Type.Object({}, strict)),
    choice: Type.Optional(Type.Array(Type.Unknown(), { minItems: 1, maxItems: 10_000 })),
    weights: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 1_000_000 }), {
        minItems: 1,
        maxItems: 10_000,
        description: 'weights of the values of choice; default: all the same',
      }),
    ),
    text: Type.Optional(
      Type.Object(
        {
          ...lengths,
          words: Type.Optional(
            Type.Array(Type.String({ maxLength: 1_000 }), {
              minItems: 1,
              maxItems: 10_000,
              description: 'default: a hundred of English',
            }),
          ),
        },
        { ...strict, description: 'min to max words' },
      ),
    ),
    reference: Type.Optional(
      Type.Object(tableQuery, {
        ...strict,
        description: 'the value of a row of a query with one column, as it was when the job was planned',
      }),
    ),
    value: Type.Optional(Type.Unknown({ description: 'the same in every record' })),
    join: Type.Optional(
      Type.Array(Type.Union([Type.String({ maxLength: 1_000 }), nested]), {
        minItems: 1,
        maxItems: 40,
        description: 'one text of several',
      }),
    ),
    object: Type.Optional(
      Type.Record(Type.String(), nested, { minProperties: 1, maxProperties: 40, description: 'JSON' }),
    ),
    array: Type.Optional(Type.Object({ of: nested, ...lengths }, { ...strict, description: 'JSON, or an SQL array' })),
    nulls: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'share of records without the value' })),
  },
  { ...strict, minProperties: 1 },
);

export const corpusSpec = Type.Object(
  {
    table: Type.String({ minLength: 1, maxLength: 63 }),
    schema: tableQuery.schema,
    count: Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'records' }),
    seed: Type.Integer({ minimum: 0, maximum: MAX_SAFE, description: 'the same seed makes the same records' }),
    template: Type.Record(Type.String(), nested, {
      minProperties: 1,
      maxProperties: 200,
      description: 'a value for each column; the others have their default',
    }),
  },
  { ...strict, $defs: { value: valueSchema } },
);
