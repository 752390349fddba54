type Row = Record<string, unknown>;

/** Returns the row's primary key as JSON; without a key, the whole row as JSON with sorted members. */
export function rowKey(row: Row, key: readonly string[]): string {
  return canonical(key.length === 0 ? row : key.map((name) => row[name]));
}

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical((value as Row)[name])}`).join()}}`;
}
