/** Changes of rows: inserts, updates, deletes, and what a transaction can do to keys. */
import { KINDS, type Kind } from './columns.ts';
import type { Dice } from './dice.ts';
import { rowValues, type Schema, type Table, writtenColumns } from './schema.ts';

/** Rows that change have keys below. */
const KEYS = 40;

export interface Writes {
  readonly dice: Dice;
  readonly schema: Schema;
  /** The number of a write, which its rows carry. */
  stamp(): number;
}

/** A transaction's statements on one table. */
export function changeRows(writes: Writes, table: Table): string {
  const { dice } = writes;
  return Array.from({ length: 1 + dice.int(3) }, () => statement(writes, table)).join('; ');
}

/** By COPY, which writes several rows as one record of the WAL. */
function copy(writes: Writes, { name }: Table): string {
  const { dice, stamp } = writes;
  const ids = [...new Set(Array.from({ length: 3 }, () => dice.int(KEYS)))];
  const lines = ids.map((id) => [id, dice.int(4), dice.int(8), stamp()].join(','));
  return `delete from ${name} where id in (${ids.join()}); copy ${name} (id, grp, seal, ver) from program 'printf "${lines.join('\\\\n')}\\\\n"' (format csv)`;
}

/** Statements of the second writer, which work whatever columns there are. */
export function changeFixed(writes: Writes, table: Table): string {
  const { dice, stamp } = writes;
  if (table.appended) return statement(writes, table);
  if (dice.chance(0.2)) return `delete from ${table.name} where id = ${dice.int(KEYS)}`;
  return `update ${table.name} set ${sealed(writes, table)}, ver = ${stamp()} where id = ${dice.int(KEYS)}`;
}

function sealed({ dice, schema }: Writes, { derived }: Table): string {
  const seal = dice.int(8);
  const follows = Object.entries(derived).map(([column, { value }]) => `${column} = ${value(seal, schema)}`);
  return [`seal = ${seal}`, ...follows].join(', ');
}

function insert(writes: Writes, table: Table, id: number, isNew = false): string {
  const { dice, schema, stamp } = writes;
  const grp = table.parts ? dice.of([...table.parts]) : dice.int(4);
  const extra = (kind: Kind) => (dice.chance(0.2) ? 'null' : KINDS[kind].value(dice, schema));
  const values = rowValues(table, schema, { id, grp, seal: dice.int(8), ver: stamp() }, extra);
  const into = `insert into ${table.name} (${writtenColumns(table).join()})`;
  if (!isNew) return `${into} values ${values}`;
  return `${into} select ${values.slice(1, -1)} where not exists (select from ${table.name} where id = ${id})`;
}

function statement(writes: Writes, table: Table): string {
  const { dice, schema, stamp } = writes;
  const { name, extras, identity, derived } = table;
  const id = dice.int(KEYS);
  if (table.appended) return insert(writes, table, dice.int(10 * KEYS), true);
  const clear = (n: number) => `delete from ${name} where id = ${n}`;
  const kind = dice.int(20);
  if (kind < 7) return `${clear(id)}; ${insert(writes, table, id)}`;
  if (kind < 11) return `update ${name} set ${sealed(writes, table)}, ver = ${stamp()} where id = ${id}`;
  if (kind < 13 && extras.size > 0) {
    const [column, of] = dice.of([...extras]);
    return `update ${name} set ${column} = ${KINDS[of].value(dice, schema)}, ver = ${stamp()} where id % 4 = ${id % 4} and id < 900`;
  }
  if (kind === 14 && !table.parts && identity !== 'index' && Object.keys(derived).length === 0)
    return copy(writes, table);
  if (kind < 15) return clear(id);
  if (kind === 15) return `${clear(id)}; ${insert(writes, table, id)}; ${clear(id)}`;
  return moveKeys(writes, table, id);
}

/** Keys that change, also through the one of another row. */
function moveKeys(writes: Writes, table: Table, id: number): string {
  const { dice, stamp } = writes;
  const { name, identity } = table;
  const other = (id + 1 + dice.int(KEYS - 1)) % KEYS;
  const code = (expression: string) => (identity === 'index' ? `, code = ${expression} + 1000` : '');
  const move = (from: number, to: number) =>
    `update ${name} set id = ${to}${code(String(to))}, ver = ${stamp()} where id = ${from}`;
  if (table.deferrable) {
    if (dice.chance(0.5)) {
      return `update ${name} set id = case id when ${id} then ${other} else ${id} end, ver = ${stamp()} where id in (${id}, ${other})`;
    }
    return `delete from ${name} where id = ${id + 6}; update ${name} set id = id + 1, ver = ${stamp()} where id between ${id} and ${id + 5}`;
  }
  return dice
    .of([
      () => [move(id, -1), move(other, id), move(-1, other)],
      () => [`delete from ${name} where id = ${other}`, move(id, other)],
      () => [`delete from ${name} where id in (${id}, ${other})`, insert(writes, table, id), move(id, other)],
      () => [`delete from ${name} where id in (${id}, ${other})`, move(other, id), insert(writes, table, other)],
    ])()
    .join('; ');
}
