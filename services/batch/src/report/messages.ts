/** Messages between a report's item and the thread that draws its pages, by structured clone. */

export type Cells = readonly (string | null)[];

export interface TableColumn {
  title: string;
  isNumber: boolean;
}

interface Series {
  name: string;
  values: readonly (number | null)[];
}

export type ToDrawing =
  | { type: 'text'; heading: string | undefined; text: string }
  /** The beginning of a table: its first rows decide the widths of the columns. */
  | { type: 'table'; heading: string | undefined; columns: readonly TableColumn[]; rows: readonly Cells[] }
  | { type: 'rows'; rows: readonly Cells[] }
  | {
      type: 'chart';
      heading: string | undefined;
      kind: 'line' | 'bar';
      labels: readonly string[];
      series: readonly Series[];
    }
  | { type: 'end' };

export type FromDrawing =
  | { type: 'bytes'; bytes: Uint8Array }
  /** The message before is drawn. */
  | { type: 'drawn' }
  | { type: 'refused'; character: string; text: string }
  | { type: 'done'; summary: DrawnReport };

export interface DrawnReport {
  pages: number;
  /** Characters that no font has, drawn as boxes. */
  boxes: number;
  /** The first of them, as U+1F600. */
  boxed: string[];
}
