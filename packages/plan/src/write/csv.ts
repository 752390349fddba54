/** CSV bodies (RFC 4180): the first line has the column names; an unquoted `NULL` is null, as in PostgREST. */
import { postgrest } from '../errors.ts';

interface Field {
  text: string;
  quoted: boolean;
}

export interface Csv {
  readonly names: readonly string[];
  /** Yields line by line, so that the caller can stop early. */
  readonly rows: Generator<Record<string, string | null>>;
}

/** Excel writes it before UTF-8. It is no part of the first name. */
const BYTE_ORDER_MARK = '\ufeff';

export function parseCsv(text: string, maxColumns: number): Csv {
  const lines = csvLines(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text, maxColumns);
  const header = lines.next();
  if (header.done) throw refused('Empty CSV', 'Send a header line with the column names, then a line for each row.');
  const names = header.value.map((field) => field.text);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw refused(`The header names the column ${repeated.slice(0, 63)} twice`, 'Name each column once.');
  }
  return { names, rows: csvRows(lines, names) };
}

function* csvRows(lines: Generator<Field[]>, names: readonly string[]): Generator<Record<string, string | null>> {
  let number = 1;
  for (const line of lines) {
    number += 1;
    if (line.length !== names.length) {
      throw refused(
        'All lines must have same number of fields',
        `Line ${number} has ${line.length} fields, the header has ${names.length}.`,
      );
    }
    yield Object.fromEntries(line.map((field, column) => [names[column] as string, fieldValue(field)]));
  }
}

const fieldValue = ({ text, quoted }: Field): string | null => (!quoted && text === 'NULL' ? null : text);

function* csvLines(text: string, maxColumns: number): Generator<Field[]> {
  let line: Field[] = [];
  let at = 0;
  while (at < text.length) {
    const [field, next] = text[at] === '"' ? quotedField(text, at) : plainField(text, at);
    at = next;
    line.push(field);
    if (line.length > maxColumns) {
      throw refused(`A line has more than ${maxColumns} fields`, 'A table has at most as many columns.');
    }
    if (text[at] === ',') {
      at += 1;
      if (at === text.length) line.push({ text: '', quoted: false });
      continue;
    }
    if (text[at] === '\r') at += 1;
    if (text[at] === '\n') at += 1;
    yield line;
    line = [];
  }
  if (line.length > 0) yield line;
}

function plainField(text: string, at: number): [Field, number] {
  let end = at;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end += 1;
  return [{ text: text.slice(at, end), quoted: false }, end];
}

function quotedField(text: string, at: number): [Field, number] {
  let value = '';
  let begin = at + 1;
  for (;;) {
    const end = text.indexOf('"', begin);
    if (end === -1) throw refused('A quoted CSV field has no end', 'Close it with a double quote.');
    value += text.slice(begin, end);
    begin = end + 1;
    if (text[begin] !== '"') break;
    value += '"';
    begin += 1;
  }
  if (begin < text.length && !/[,\r\n]/.test(text[begin] as string)) {
    throw refused('A quoted CSV field goes on behind its end', 'Double the quotes that are part of the text.');
  }
  return [{ text: value, quoted: true }, begin];
}

const refused = (reason: string, hint: string) => postgrest.PGRST102({ reason, hint });
