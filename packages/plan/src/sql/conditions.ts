import { arrayLiteral } from '@tidemark/db';
import { type Condition, type ConditionTarget, conditionSql, type Field } from '@tidemark/query';
import type { RelationRef } from '../catalog/catalog.ts';
import { fieldSql, type Source, typeOf } from './fields.ts';
import { type Params, qualified } from './params.ts';

export type EmbedTest = (embed: string) => string;

export function conditionsSql(
  where: readonly Condition[],
  source: Source,
  params: Params,
  embedIsNull: EmbedTest,
): string[] {
  const target: ConditionTarget = {
    field: (field) => fieldSql(source, field),
    bind: (value, field) => {
      const bound = params.bind(typeof value === 'string' ? value : arrayLiteral(value));
      const cast = field && castOf(source, field);
      if (!cast) return bound;
      // The cast of a domain reads the text as clients write it.
      return typeof value === 'string'
        ? `${qualified(cast)}(${bound}::text)`
        : `array(select ${qualified(cast)}("_v".value) from unnest(${bound}::text[]) as "_v"(value))`;
    },
    isText: (field) => isText(source, field),
    embedIsNull,
  };
  return where.map((condition) => conditionSql(condition, target));
}

const castOf = ({ relation }: Source, { name, json }: Field): RelationRef | undefined =>
  json.length > 0 ? undefined : relation?.columns.get(name)?.casts?.fromText;

function isText(source: Source, { name, json }: Field): boolean {
  const type = json.length > 0 ? 'text' : typeOf(source, name);
  return type !== undefined && /^(text|character|json|jsonb|citext)/.test(type);
}
