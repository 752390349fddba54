import { arrayLiteral } from '@tidemark/db';
import { type Condition, type ConditionTarget, conditionSql, type Field } from '@tidemark/query';
import { fieldSql, type Source } from './fields.ts';
import type { Params } from './params.ts';

export type EmbedTest = (embed: string) => string;

export function conditionsSql(
  where: readonly Condition[],
  source: Source,
  params: Params,
  embedIsNull: EmbedTest,
): string[] {
  const target: ConditionTarget = {
    field: (field) => fieldSql(source, field),
    bind: (value) => params.bind(typeof value === 'string' ? value : arrayLiteral(value)),
    isText: (field) => isText(source, field),
    embedIsNull,
  };
  return where.map((condition) => conditionSql(condition, target));
}

function isText(source: Source, { name, json }: Field): boolean {
  const type =
    json.length > 0 ? 'text' : (source.relation?.columns.get(name) ?? source.relation?.computed.get(name))?.type;
  return type !== undefined && /^(text|character|json|jsonb|citext)/.test(type);
}
