/** Prints rows in columns as wide as their widest text. */
export function printTable(rows: readonly (readonly string[])[], print: (line: string) => void): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? [];
  for (const row of rows) {
    const cells = row.map((text, column) => text.padEnd(widths[column]!));
    print(cells.join('  ').trimEnd());
  }
}

/** Returns `2026-03-29 01:30:00`, in UTC. */
export const shortTime = (time: string): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ');
