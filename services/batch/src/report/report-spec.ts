import { type Static, Type } from 'typebox';
import { tableQuery } from '../tables/table-query.ts';

const strict = { additionalProperties: false } as const;
const heading = Type.Optional(Type.String({ maxLength: 200 }));
const columnName = Type.String({ minLength: 1, maxLength: 63 });

export const reportSpec = Type.Object(
  {
    title: Type.String({ minLength: 1, maxLength: 200 }),
    page: Type.Optional(Type.Enum(['A4', 'letter'], { default: 'A4' })),
    landscape: Type.Optional(Type.Boolean({ default: false })),
    sections: Type.Array(
      Type.Object(
        {
          heading,
          text: Type.Optional(Type.String({ maxLength: 20_000 })),
          table: Type.Optional(
            Type.Object(
              {
                ...tableQuery,
                titles: Type.Optional(
                  Type.Record(Type.String(), Type.String({ maxLength: 200 }), { description: 'titles of columns' }),
                ),
              },
              strict,
            ),
          ),
          chart: Type.Optional(
            Type.Object(
              {
                kind: Type.Enum(['line', 'bar']),
                ...tableQuery,
                x: columnName,
                y: Type.Array(columnName, { minItems: 1, maxItems: 8 }),
              },
              strict,
            ),
          ),
        },
        { ...strict, description: 'one of text, table and chart', minProperties: 1 },
      ),
      { minItems: 1, maxItems: 50 },
    ),
  },
  strict,
);
export type ReportSpec = Static<typeof reportSpec>;
export type ReportChart = NonNullable<ReportSpec['sections'][number]['chart']>;

/** Points, of which an inch has 72. */
const PAGES = { A4: [595.28, 841.89], letter: [612, 792] } as const;
export const MARGIN = 40;
/** Room for four digits. */
export const MIN_COLUMN = 34;

export function pageSize({ page = 'A4', landscape = false }: Pick<ReportSpec, 'page' | 'landscape'>): [number, number] {
  const [short, long] = PAGES[page];
  return landscape ? [long, short] : [short, long];
}
