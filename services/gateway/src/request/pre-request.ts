import { identifier } from '@tidemark/db';
import type { Config } from '../config.ts';

/** The call of DB_PRE_REQUEST, whose schema is the first exposed one unless it names another. */
export function preRequestSql({
  DB_PRE_REQUEST: name,
  schemas,
}: Pick<Config, 'DB_PRE_REQUEST' | 'schemas'>): string | null {
  if (name === '') return null;
  const [schema = '', own] = name.includes('.') ? name.split('.') : [schemas[0], name];
  return `select ${identifier(schema)}.${identifier(own ?? '')}()`;
}
