import { format, type Unit } from '../quantities.tsx';
import type { Line } from './line.ts';

/** Shows screen readers what a chart shows. */
export function ChartTable({ title, lines, unit }: { title: string; lines: readonly Line[]; unit: Unit }) {
  return (
    <div class="hidden">
      <table>
        <caption>{title}: lowest, mean, highest and newest value</caption>
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">Lowest</th>
            <th scope="col">Mean</th>
            <th scope="col">Highest</th>
            <th scope="col">Newest</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ label, values }) => {
            const known = values.filter((value) => value !== null);
            const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
            return (
              <tr key={label}>
                <th scope="row">{label || title}</th>
                <td>{format(known.length ? Math.min(...known) : null, unit)}</td>
                <td>{format(mean, unit)}</td>
                <td>{format(known.length ? Math.max(...known) : null, unit)}</td>
                <td>{format(known.at(-1), unit)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
