import { identifier, literal } from '@tidemark/db';
import type { RelationRef } from '../catalog/catalog.ts';

export class Params {
  readonly values: (string | null)[] = [];

  bind(value: string | null): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

export const qualified = (ref: RelationRef): string => `${identifier(ref.schema)}.${identifier(ref.name)}`;

export const columnOf = (alias: string, column: string): string => `${identifier(alias)}.${identifier(column)}`;

export { identifier, literal };
