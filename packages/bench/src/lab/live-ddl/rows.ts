import { KINDS, type Kind } from './columns.ts';
import type { Random } from './random.ts';
import { rowValues, type Schema, type Table, writtenColumns } from './schema.ts';

const KEYS = 40;

export interface Writes {
  readonly random: Random;
  readonly schema: Schema;
  /** Returns the number of a new write, which its rows store in `ver`. */
  stamp(): number;
}

export function changeRows(writes: Writes, table: Table): string {
  const { random } = writes;
  return Array.from({ length: 1 + random.int(3) }, () => statement(writes, table)).join('; ');
}

/** COPY writes several rows as one WAL record. */
function copy(writes: Writes, { name }: Table): string {
  const { random, stamp } = writes;
  const ids = [...new Set(Array.from({ length: 3 }, () => random.int(KEYS)))];
  const lines = ids.map((id) => [id, random.int(4), random.int(8), stamp()].join(','));
  return `delete from ${name} where id in (${ids.join()}); copy ${name} (id, grp, seal, ver) from program 'printf "${lines.join('\\\\n')}\\\\n"' (format csv)`;
}

/** The second writer uses only permanent columns. */
export function changeFixed(writes: Writes, table: Table): string {
  const { random, stamp } = writes;
  if (table.appended) return statement(writes, table);
  if (random.chance(0.2)) return `delete from ${table.name} where id = ${random.int(KEYS)}`;
  return `update ${table.name} set ${sealed(writes, table)}, ver = ${stamp()} where id = ${random.int(KEYS)}`;
}

function sealed({ random, schema }: Writes, { derived }: Table): string {
  const seal = random.int(8);
  const follows = Object.entries(derived).map(([column, { value }]) => `${column} = ${value(seal, schema)}`);
  return [`seal = ${seal}`, ...follows].join(', ');
}

function insert(writes: Writes, table: Table, id: number, isNew = false): string {
  const { random, schema, stamp } = writes;
  const grp = table.parts ? random.of([...table.parts]) : random.int(4);
  const extra = (kind: Kind) => (random.chance(0.2) ? 'null' : KINDS[kind].value(random, schema));
  const values = rowValues(table, schema, { id, grp, seal: random.int(8), ver: stamp() }, extra);
  const into = `insert into ${table.name} (${writtenColumns(table).join()})`;
  if (!isNew) return `${into} values ${values}`;
  return `${into} select ${values.slice(1, -1)} where not exists (select from ${table.name} where id = ${id})`;
}

function statement(writes: Writes, table: Table): string {
  const { random, schema, stamp } = writes;
  const { name, extras, identity, derived } = table;
  const id = random.int(KEYS);
  if (table.appended) return insert(writes, table, random.int(10 * KEYS), true);
  const clear = (n: number) => `delete from ${name} where id = ${n}`;
  const kind = random.int(20);
  if (kind < 7) return `${clear(id)}; ${insert(writes, table, id)}`;
  if (kind < 11) return `update ${name} set ${sealed(writes, table)}, ver = ${stamp()} where id = ${id}`;
  if (kind < 13 && extras.size > 0) {
    const [column, of] = random.of([...extras]);
    return `update ${name} set ${column} = ${KINDS[of].value(random, schema)}, ver = ${stamp()} where id % 4 = ${id % 4} and id < 900`;
  }
  if (kind === 14 && !table.parts && identity !== 'index' && Object.keys(derived).length === 0)
    return copy(writes, table);
  if (kind < 15) return clear(id);
  if (kind === 15) return `${clear(id)}; ${insert(writes, table, id)}; ${clear(id)}`;
  return moveKeys(writes, table, id);
}

function moveKeys(writes: Writes, table: Table, id: number): string {
  const { random, stamp } = writes;
  const { name, identity } = table;
  const other = (id + 1 + random.int(KEYS - 1)) % KEYS;
  const code = (expression: string) => (identity === 'index' ? `, code = ${expression} + 1000` : '');
  const move = (from: number, to: number) =>
    `update ${name} set id = ${to}${code(String(to))}, ver = ${stamp()} where id = ${from}`;
  if (table.deferrable) {
    if (random.chance(0.5)) {
      return `update ${name} set id = case id when ${id} then ${other} else ${id} end, ver = ${stamp()} where id in (${id}, ${other})`;
    }
    return `delete from ${name} where id = ${id + 6}; update ${name} set id = id + 1, ver = ${stamp()} where id between ${id} and ${id + 5}`;
  }
  return random
    .of([
      () => [move(id, -1), move(other, id), move(-1, other)],
      () => [`delete from ${name} where id = ${other}`, move(id, other)],
      () => [`delete from ${name} where id in (${id}, ${other})`, insert(writes, table, id), move(id, other)],
      () => [`delete from ${name} where id in (${id}, ${other})`, move(other, id), insert(writes, table, other)],
    ])()
    .join('; ');
}
