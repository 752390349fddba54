/** Rows of Postgres, from the envelopes and from SQL, as rows of ClickHouse. */
import { sliceArray, sliceObject } from '@tidemark/contracts';
import { identifier, literal } from '@tidemark/db';
import { type Abilities, clickhouseValue } from './column-types.ts';
import { errors } from './errors.ts';
import type { SourceColumn, SourceTable } from './source-table.ts';
import { DELETED, nameOf, VERSION } from './target.ts';

/** The JSON texts of a row's columns, and Postgres's texts of those that their JSON does not determine. */
export interface Image {
  readonly values: ReadonlyMap<string, string>;
  readonly texts: ReadonlyMap<string, string>;
}

export interface SlicedChange {
  readonly type: string;
  readonly row: Image | undefined;
  readonly old: Image | undefined;
  /** Columns that the row lacks. */
  readonly missing: readonly string[];
}

export interface SlicedEnvelope {
  readonly definition: string | undefined;
  readonly changes: readonly SlicedChange[];
}

/** Numbers stay texts, because JSON.parse would lose digits. */
export function sliceEnvelope(bytes: Uint8Array): SlicedEnvelope {
  const members = sliceObject(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  const definition = members.get('definition');
  return {
    definition: definition === undefined ? undefined : (JSON.parse(definition) as string),
    changes: sliceArray(members.get('changes') ?? '[]').map(sliceChange),
  };
}

function sliceChange(text: string): SlicedChange {
  const members = sliceObject(text);
  const names = (member: string) => JSON.parse(members.get(member) ?? '[]') as string[];
  return {
    type: JSON.parse(members.get('type') as string) as string,
    row: imageOf(members.get('row'), members.get('texts')),
    old: imageOf(members.get('old'), members.get('oldTexts')),
    missing: [...names('unchanged'), ...names('cut')],
  };
}

function imageOf(row: string | undefined, texts: string | undefined): Image | undefined {
  if (row === undefined) return undefined;
  return {
    values: sliceObject(row),
    texts: new Map(Object.entries(JSON.parse(texts ?? '{}') as Record<string, string>)),
  };
}

/** The image of a row that `selectRows` selected. JSON comes as a text there, so that its null is not that of SQL. */
export function imageOfRow(text: string, { columns }: SourceTable): Image {
  const values = sliceObject(text);
  const texts = new Map<string, string>();
  for (const { name, kind, isArray } of columns) {
    const value = values.get(name);
    if (kind === 'json' && !isArray && value?.startsWith('"')) texts.set(name, JSON.parse(value) as string);
  }
  return { values, texts };
}

export class RowWriter {
  readonly #source: SourceTable;
  readonly #abilities: Abilities;
  readonly #columns: readonly { column: SourceColumn; member: string; isKey: boolean }[];

  constructor(source: SourceTable, abilities: Abilities) {
    this.#source = source;
    this.#abilities = abilities;
    this.#columns = source.columns.map((column) => ({
      column,
      member: `${JSON.stringify(column.name)}:`,
      isKey: source.key.includes(column.name),
    }));
  }

  /** @throws CLICKHOUSE_VALUE_OUT_OF_RANGE */
  row(image: Image, lsn: bigint): string {
    return this.#write(image, lsn, false);
  }

  tombstone(image: Image, lsn: bigint): string {
    return this.#write(image, lsn, true);
  }

  keyOf({ values }: Image): string {
    return this.#source.key.map((name) => values.get(name) ?? 'null').join('\0');
  }

  knows({ values }: Image): boolean {
    for (const name of values.keys()) if (!this.#columns.some(({ column }) => column.name === name)) return false;
    return true;
  }

  #write({ values, texts }: Image, lsn: bigint, isDeleted: boolean): string {
    let members = '';
    for (const { column, member, isKey } of this.#columns) {
      const json = values.get(column.name);
      if (json === undefined || (isDeleted && !isKey)) continue;
      const value = clickhouseValue(column, json, texts.get(column.name), this.#abilities);
      if (value === 'null' && isKey) {
        const { name, type } = column;
        throw errors.VALUE_OUT_OF_RANGE({ table: nameOf(this.#source), column: name, type, value: json });
      }
      members += `${member}${value},`;
    }
    return `{${members}"${VERSION}":${lsn},"${DELETED}":${isDeleted ? 1 : 0}}`;
  }
}

/** Selects each row as JSON, as the envelopes have it. */
export function selectRows(source: SourceTable): string {
  // An array, since a function takes at most 100 arguments.
  const members = source.columns.map((column) => `${literal(`${JSON.stringify(column.name)}:`)} || ${jsonOf(column)}`);
  return `select '{' || array_to_string(array[${members.join(', ')}], ',') || '}' as row from ${identifier(source.schema)}.${identifier(source.table)} r`;
}

/** Types without JSON of their own are what their output function prints, as in the WAL; a cast to text may differ (inet). */
function jsonOf({ name, kind, isArray }: SourceColumn): string {
  const value = `r.${identifier(name)}`;
  if (isArray || (kind !== 'text' && kind !== 'json')) return `coalesce(to_json(${value})::text, 'null')`;
  // IS NULL is also true of a row that has only nulls.
  return `case when ${value} is distinct from null then to_json(format('%s', ${value}))::text else 'null' end`;
}
