import type { Random } from './random.ts';

export type Kind =
  | ('int' | 'bigint' | 'text' | 'varchar' | 'numeric' | 'cents' | 'tenths' | 'bool' | 'moment' | 'second')
  | ('json' | 'jsonb' | 'array' | 'mood' | 'pair' | 'score');

export interface Types {
  readonly moods: string[];
  /** Number of attributes of public.pair. */
  fields: number;
  /** Exclusive upper bound of the domain public.score. */
  scores: number;
}

interface KindOfColumn {
  readonly type: string;
  value(random: Random, types: Types): string;
  /** Each kind that it can be altered to has the USING expression over `$`, or '' for an implicit cast. */
  readonly retypes: readonly (readonly [Kind, string])[];
}

/** 6 KB of incompressible text, which Postgres stores out of line. */
const long = (n: number) => `(select string_agg(md5(n::text || '${n}'), '') from generate_series(1, 190) n)`;

export const KINDS: Readonly<Record<Kind, KindOfColumn>> = {
  int: {
    type: 'int',
    value: (random) => String(random.int(100)),
    retypes: [
      ['int', '$ * 10 % 1000'],
      ['bigint', ''],
      ['text', `'t' || $`],
      ['numeric', '$::numeric / 8'],
    ],
  },
  bigint: { type: 'bigint', value: (random) => String(random.int(100)), retypes: [['int', '$ % 1000']] },
  text: {
    type: 'text',
    value: (random) =>
      random.chance(0.1) ? long(random.int(100)) : `'${random.of(['a', 'b', 'c'])}${random.int(100)}'`,
    retypes: [['varchar', 'left($, 20)']],
  },
  varchar: { type: 'varchar(20)', value: (random) => `'v${random.int(100)}'`, retypes: [['text', '']] },
  numeric: {
    type: 'numeric',
    value: (random) => `${random.int(100)}.${random.int(1_000)}`,
    retypes: [
      ['cents', ''],
      ['tenths', ''],
    ],
  },
  cents: { type: 'numeric(12,2)', value: (random) => `${random.int(100)}.25`, retypes: [['tenths', '']] },
  tenths: { type: 'numeric(12,1)', value: (random) => `${random.int(100)}.5`, retypes: [['numeric', '']] },
  bool: { type: 'boolean', value: (random) => String(random.chance(0.5)), retypes: [['int', '$::int']] },
  moment: {
    type: 'timestamptz',
    value: (random) => `'2026-01-01Z'::timestamptz + ${random.int(10_000)} * interval '1.001 s'`,
    retypes: [['second', '']],
  },
  second: { type: 'timestamptz(0)', value: () => `'2026-02-03T04:05:06Z'`, retypes: [['moment', '']] },
  json: { type: 'json', value: (random) => `E'{"a":\\n ${random.int(100)}}'`, retypes: [['jsonb', '$::jsonb']] },
  jsonb: { type: 'jsonb', value: (random) => random.of([`'null'`, `'{"a": [1, null]}'`, `'"x"'`]), retypes: [] },
  array: { type: 'int[]', value: (random) => random.of([`'{1,2}'`, `'[2:3]={1,2}'`, `'{NULL,3}'`]), retypes: [] },
  mood: { type: 'public.mood', value: (random, { moods }) => `'${random.of(moods)}'`, retypes: [['text', '$::text']] },
  pair: {
    type: 'public.pair',
    value: (random, { fields }) => `row(${random.int(100)}, 'p'${', null'.repeat(fields - 2)})::public.pair`,
    retypes: [],
  },
  score: {
    type: 'public.score',
    value: (random, { scores }) => String(random.int(scores)),
    retypes: [['int', '$::int']],
  },
};
