/** The types of columns that come and go, with values of them, and what they can be altered to. */
import type { Dice } from './dice.ts';

export type Kind =
  | ('int' | 'bigint' | 'text' | 'varchar' | 'numeric' | 'cents' | 'tenths' | 'bool' | 'moment' | 'second')
  | ('json' | 'jsonb' | 'array' | 'mood' | 'pair' | 'score');

/** The facts about a type that statements need. */
export interface Types {
  /** Labels of public.mood. */
  readonly moods: string[];
  /** Attributes of public.pair. */
  fields: number;
  /** Values of the domain public.score are below. */
  scores: number;
}

interface KindOfColumn {
  readonly type: string;
  value(dice: Dice, types: Types): string;
  /** The kinds that it can be altered to, each with the expression over `$` that does so, or '' where a plain cast does. */
  readonly retypes: readonly (readonly [Kind, string])[];
}

/** 6 KB that cannot be compressed: Postgres stores them out of line. */
const long = (n: number) => `(select string_agg(md5(n::text || '${n}'), '') from generate_series(1, 190) n)`;

export const KINDS: Readonly<Record<Kind, KindOfColumn>> = {
  int: {
    type: 'int',
    value: (dice) => String(dice.int(100)),
    retypes: [
      ['int', '$ * 10 % 1000'],
      ['bigint', ''],
      ['text', `'t' || $`],
      ['numeric', '$::numeric / 8'],
    ],
  },
  bigint: { type: 'bigint', value: (dice) => String(dice.int(100)), retypes: [['int', '$ % 1000']] },
  text: {
    type: 'text',
    value: (dice) => (dice.chance(0.1) ? long(dice.int(100)) : `'${dice.of(['a', 'b', 'c'])}${dice.int(100)}'`),
    retypes: [['varchar', 'left($, 20)']],
  },
  varchar: { type: 'varchar(20)', value: (dice) => `'v${dice.int(100)}'`, retypes: [['text', '']] },
  numeric: {
    type: 'numeric',
    value: (dice) => `${dice.int(100)}.${dice.int(1_000)}`,
    retypes: [
      ['cents', ''],
      ['tenths', ''],
    ],
  },
  cents: { type: 'numeric(12,2)', value: (dice) => `${dice.int(100)}.25`, retypes: [['tenths', '']] },
  tenths: { type: 'numeric(12,1)', value: (dice) => `${dice.int(100)}.5`, retypes: [['numeric', '']] },
  bool: { type: 'boolean', value: (dice) => String(dice.chance(0.5)), retypes: [['int', '$::int']] },
  moment: {
    type: 'timestamptz',
    value: (dice) => `'2026-01-01Z'::timestamptz + ${dice.int(10_000)} * interval '1.001 s'`,
    retypes: [['second', '']],
  },
  second: { type: 'timestamptz(0)', value: () => `'2026-02-03T04:05:06Z'`, retypes: [['moment', '']] },
  json: { type: 'json', value: (dice) => `E'{"a":\\n ${dice.int(100)}}'`, retypes: [['jsonb', '$::jsonb']] },
  jsonb: { type: 'jsonb', value: (dice) => dice.of([`'null'`, `'{"a": [1, null]}'`, `'"x"'`]), retypes: [] },
  array: { type: 'int[]', value: (dice) => dice.of([`'{1,2}'`, `'[2:3]={1,2}'`, `'{NULL,3}'`]), retypes: [] },
  mood: { type: 'public.mood', value: (dice, { moods }) => `'${dice.of(moods)}'`, retypes: [['text', '$::text']] },
  pair: {
    type: 'public.pair',
    value: (dice, { fields }) => `row(${dice.int(100)}, 'p'${', null'.repeat(fields - 2)})::public.pair`,
    retypes: [],
  },
  score: { type: 'public.score', value: (dice, { scores }) => String(dice.int(scores)), retypes: [['int', '$::int']] },
};
