/** A statement under construction, with the text and the values always separate. */
import { identifier, literal } from '@tidemark/db';
import type { RelationRef } from '../catalog/catalog.ts';

export class Params {
  readonly values: (string | null)[] = [];

  /** Returns `$n` for a value of the client. */
  bind(value: string | null): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** `"schema"."name"` */
export const qualified = (ref: RelationRef): string => `${identifier(ref.schema)}.${identifier(ref.name)}`;

/** `"alias"."column"` */
export const columnOf = (alias: string, column: string): string => `${identifier(alias)}.${identifier(column)}`;

export { identifier, literal };
