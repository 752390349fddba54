import type { ComponentChildren } from 'preact';

export interface Column<T> {
  head: string;
  number?: boolean;
  rowHeader?: boolean;
  /** The column takes the remaining width; longer text is cut with an ellipsis. */
  grow?: boolean;
  cell(row: T): ComponentChildren;
}

export function Table<T>(props: {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  toneOf?: (row: T) => 'warn' | 'bad' | 'muted' | undefined;
}) {
  const kind = ({ number, grow }: Column<T>) => [number && 'number', grow && 'grow'].filter(Boolean).join(' ');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls by itself, and needs the focus to scroll by keyboard.
    <section class="scroll" tabIndex={0} aria-label={props.caption}>
      <table>
        <caption>{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.head} scope="col" class={kind(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.keyOf(row)} class={props.toneOf?.(row)}>
              {props.columns.map((column) =>
                column.rowHeader ? (
                  <th key={column.head} scope="row" class={kind(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.head} class={kind(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
