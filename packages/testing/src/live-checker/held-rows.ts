import type { LiveChange } from '@tidemark/contracts';

export type Row = Record<string, unknown>;

export interface HeldOptions {
  readonly mode: 'every' | 'latest';
  readonly window: boolean;
}

export class HeldRows {
  readonly byKey = new Map<string, Row>();
  key: readonly string[] = ['id'];
  #options: HeldOptions;

  constructor(options: HeldOptions) {
    this.#options = options;
  }

  put(row: Row): void {
    this.byKey.set(this.#keyOf(row), row);
  }

  #keyOf(row: Row | undefined): string {
    return JSON.stringify(this.key.map((name) => row?.[name]));
  }

  /** `mayRepeat` allows changes to arrive once more (PROTOCOL.md, F4). Returns the changes that do not fit. */
  apply(changes: readonly LiveChange[], mayRepeat: boolean): string[] {
    if (this.#options.window) return this.#window(changes);
    return changes.flatMap((change) => {
      const problem = this.#options.mode === 'every' ? this.#every(change, mayRepeat) : this.#back(change, mayRepeat);
      const { type, row, old } = change;
      if (old) this.byKey.delete(this.#keyOf(old));
      if (type !== 'delete' && type !== 'leave' && row) this.put(row);
      return problem === undefined ? [] : [`${problem}: ${JSON.stringify(change)}`];
    });
  }

  #every({ type, row, old }: LiveChange, mayRepeat: boolean): string | undefined {
    const held = this.byKey.get(this.#keyOf(old ?? row));
    const shouldHold = type === 'update' || type === 'leave' || type === 'delete';
    if ((held !== undefined) !== shouldHold) return mayRepeat ? undefined : held ? 'it is held' : 'it is not held';
    if (!held || held.version === undefined) return undefined;
    const is = row ?? old;
    if (is?.version === undefined) return undefined;
    const due = Number(held.version) + (type === 'update' ? 1 : 0);
    const isNext = is.born === held.born && is.version === due;
    const isRepeated = Number(is.born) <= Number(held.born) && Number(is.version) <= due;
    return isNext || (mayRepeat && isRepeated) ? undefined : `version ${held.version} of ${held.born} is held`;
  }

  #back({ row }: LiveChange, mayRepeat = false): string | undefined {
    const held = row && this.byKey.get(this.#keyOf(row));
    if (mayRepeat || !held || held.born !== row.born) return undefined;
    return Number(row.version) < Number(held.version) ? `version ${held.version} is held` : undefined;
  }

  /** PROTOCOL.md, W3: all rows of the changes are removed, then those with an index inserted, in ascending order. */
  #window(changes: readonly LiveChange[]): string[] {
    const problems: string[] = [];
    for (const change of changes) {
      const { type, row, old } = change;
      const isHeld = this.byKey.has(this.#keyOf(row ?? old));
      if (isHeld !== (type !== 'enter')) problems.push(`${isHeld ? 'held' : 'not held'}: ${JSON.stringify(change)}`);
      const back = this.#back(change);
      if (back) problems.push(`${back}: ${JSON.stringify(change)}`);
    }
    const touched = new Set(changes.map(({ row, old }) => this.#keyOf(row ?? old)));
    const rows = [...this.byKey.values()].filter((row) => !touched.has(this.#keyOf(row)));
    for (const { row, index } of changes) {
      if (!row || index === undefined) continue;
      if (index > rows.length) problems.push(`no place ${index} among ${rows.length}: ${JSON.stringify(row)}`);
      rows.splice(index, 0, row);
    }
    this.byKey.clear();
    for (const row of rows) this.put(row);
    return problems;
  }
}

/** The order of members has no meaning. */
function sorted<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sorted) as T;
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)])) as T;
}

/** Neither the order of columns nor, unless `inOrder`, of rows counts. */
export function rowsText(rows: Iterable<Row>, inOrder = false): string {
  const all = [...rows].map((row) => sorted(row));
  const text = (row: Row) => JSON.stringify(row);
  return JSON.stringify(
    inOrder ? all : all.sort((a, b) => Number(a.id) - Number(b.id) || (text(a) < text(b) ? -1 : 1)),
  );
}
