/**
 * The order of the request, then the primary key, so that no two rows are equal. Only columns are allowed, because
 * the type must be comparable.
 */
import type { Field, Level, OrderTerm } from '@tidemark/query';
import type { Relation } from '../catalog/catalog.ts';
import { errors } from '../errors.ts';

export interface KeysetTerm {
  readonly field: Field;
  readonly descending: boolean;
  readonly nullable: boolean;
  readonly nullsFirst: boolean;
}

export interface KeysetOrder {
  readonly terms: readonly KeysetTerm[];
  readonly order: readonly OrderTerm[];
  /** The order as text: a cursor is valid for one shape. */
  readonly shape: string;
}

const BY_OFFSET = 'Page by limit and offset.';

export function keysetOrder(relation: Relation, query: Level): KeysetOrder {
  const key = relation.uniqueKey;
  if (key.length === 0) {
    throw errors.KEYSET({
      reason: `${relation.name} has no key that is proven to tell its rows apart`,
      hint: BY_OFFSET,
    });
  }
  if (query.offset > 0) {
    throw errors.KEYSET({
      reason: 'an offset was given, too',
      hint: 'after= says where the page begins: leave offset and Range out.',
    });
  }
  if (aggregates(query)) {
    throw errors.KEYSET({ reason: 'select aggregates, so that its rows have no key', hint: BY_OFFSET });
  }
  const terms: KeysetTerm[] = [];
  const order: OrderTerm[] = [];
  const missing = new Set(key);
  const add = (given: OrderTerm) => {
    const { field } = given;
    if (terms.some((term) => sameField(term.field, field))) return;
    const column = relation.columns.get(field.name);
    const descending = given.direction === 'desc';
    const isKey = field.json.length === 0 && key.includes(field.name);
    const nullable = !isKey && (field.json.length > 0 || (column?.nullable ?? true));
    const nullsFirst = given.nulls === null ? descending : given.nulls === 'first';
    terms.push({ field, descending, nullable, nullsFirst });
    order.push(given);
    if (field.json.length === 0) missing.delete(field.name);
  };
  for (const term of query.order) {
    if (missing.size === 0) break;
    refuseUnfit(relation, term);
    add(term);
  }
  // The key columns have the direction of the last term, because an index serves one direction by one range.
  const direction = order.at(-1)?.direction ?? null;
  for (const name of key)
    if (missing.has(name)) add({ field: { name, json: [] }, related: null, direction, nulls: null });
  return { terms, order, shape: terms.map(termText).join(',') };
}

/** Includes aggregates in a spread, which are computed over the rows of the parent. */
function aggregates({ select }: Level): boolean {
  return select.some((item) => {
    if (item.kind === 'count') return true;
    if (item.kind === 'column') return item.aggregate !== null;
    return item.kind === 'embed' && item.spread && aggregates(item);
  });
}

function refuseUnfit(relation: Relation, { field, related }: OrderTerm): void {
  const refuse = (reason: string, hint: string) => {
    throw errors.KEYSET({ reason, hint });
  };
  if (related !== null) {
    refuse(
      `it orders by ${related}(${field.name}), which is of an embedded table`,
      `Order by columns of ${relation.name} itself (a view or a generated column can hold a copy), or page by limit and offset.`,
    );
  }
  if (!relation.columns.has(field.name)) {
    refuse(`${field.name} is not a column of ${relation.name}`, `Order by its columns, or page by limit and offset.`);
  }
  if (field.json.length > 0 && field.json.at(-1)?.arrow !== '->>') {
    refuse(`it orders by JSON in ${field.name}`, 'Order by text in it, with ->> before the last key.');
  }
  const type = relation.columns.get(field.name)?.type;
  if (field.json.length === 0 && (type === 'json' || type === 'xml' || type === 'point')) {
    refuse(`${field.name} is of type ${type}, whose values do not compare`, 'Order by another column.');
  }
}

const sameField = (a: Field, b: Field) => fieldText(a) === fieldText(b);

const fieldText = ({ name, json }: Field) =>
  [name, ...json.map((step) => `${step.arrow}${step.kind === 'key' ? step.key : step.index}`)].join('');

const termText = ({ field, descending, nullsFirst }: KeysetTerm) =>
  `${fieldText(field)}.${descending ? 'desc' : 'asc'}${nullsFirst === descending ? '' : nullsFirst ? '.nullsfirst' : '.nullslast'}`;
