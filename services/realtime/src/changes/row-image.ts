/** A row as the relay wrote it: the JSON text of each column, parsed only where a filter looks. */
import { members } from './json-scan.ts';

/** A JSON number of up to so many characters is a double without loss; a longer one is handed on as text. */
const EXACT_NUMBER_LENGTH = 15;

/** An object that inherits nothing, so that a column may be called __proto__ or constructor; V8 keeps it as fast as any other. */
const Values = function Values() {} as unknown as new () => object;
Values.prototype = Object.create(null);

export class RowImage {
  readonly text: string;
  #columns: Map<string, string> | undefined;
  readonly #values = new Values() as Record<string, unknown>;
  /** JSON; undefined in envelopes of earlier versions. */
  #textsJson: string | undefined;
  #texts: Record<string, string> | undefined;

  /** @param texts the JSON of an object: Postgres's own text of those columns whose JSON does not determine it */
  constructor(text: string, texts: string | undefined) {
    this.text = text;
    this.#textsJson = texts;
  }

  /** The JSON text of a column; undefined where the image lacks it. */
  column(name: string): string | undefined {
    this.#columns ??= members(this.text);
    return this.#columns.get(name);
  }

  /** The columns as filters take them; those that the image lacks are absent. */
  values(names: readonly string[]): Record<string, unknown> {
    for (const name of names) {
      if (Object.hasOwn(this.#values, name)) continue;
      const text = this.column(name);
      if (text !== undefined) this.#values[name] = filterValue(text);
    }
    return this.#values;
  }

  /** Whether Postgres's own text of each of these columns is known. */
  hasTexts(names: readonly string[]): boolean {
    return this.#textsJson !== undefined && this.has(names);
  }

  /** A column as Postgres prints it, null for NULL. Only where `hasTexts` says so. */
  postgresText(name: string): string | null {
    this.#texts ??= this.#textsJson === undefined || this.#textsJson === '{}' ? NO_TEXTS : textsOf(this.#textsJson);
    const own = this.#texts[name];
    if (own !== undefined) return own;
    const json = this.column(name) ?? 'null';
    const first = json.charCodeAt(0);
    if (first === 0x22) return JSON.parse(json) as string;
    return json === 'null' ? null : json;
  }

  /** The JSON text of an object of these columns, as far as they are known. */
  project(names: readonly string[]): string {
    const parts = names.flatMap((name) => {
      const text = this.column(name);
      return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
    });
    return `{${parts.join(',')}}`;
  }

  has(names: readonly string[]): boolean {
    for (const name of names) if (this.column(name) === undefined) return false;
    return true;
  }
}

const NO_TEXTS: Record<string, string> = Object.create(null);

/** Without a prototype: a column may be called `constructor`. */
const textsOf = (json: string): Record<string, string> => Object.assign(Object.create(null), JSON.parse(json));

function filterValue(text: string): unknown {
  const first = text.charCodeAt(0);
  const isNumber = first === 0x2d || (first >= 0x30 && first <= 0x39);
  return isNumber && text.length > EXACT_NUMBER_LENGTH ? text : JSON.parse(text);
}
