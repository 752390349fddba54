/** A row as the relay wrote it. The JSON text of a column is parsed only when a filter reads it. */
import { sliceObject } from '@tidemark/contracts';

/** Characters up to which a JSON number is a double without loss; a longer number is passed on as text. */
const EXACT_NUMBER_LENGTH = 15;

/** A column may be called __proto__. A constructor makes objects without a prototype as fast as any others in V8. */
const Values = function Values() {} as unknown as new () => object;
Values.prototype = Object.create(null);

export class RowImage {
  readonly text: string;
  #columns: Map<string, string> | undefined;
  readonly #values = new Values() as Record<string, unknown>;
  /** JSON of the texts; undefined in envelopes of earlier versions. */
  #textsJson: string | undefined;
  #texts: Record<string, string> | undefined;

  /** @param texts JSON of an object: Postgres's text of the columns whose JSON does not determine it */
  constructor(text: string, texts: string | undefined) {
    this.text = text;
    this.#textsJson = texts;
  }

  column(name: string): string | undefined {
    this.#columns ??= sliceObject(this.text);
    return this.#columns.get(name);
  }

  values(names: readonly string[]): Record<string, unknown> {
    for (const name of names) {
      if (Object.hasOwn(this.#values, name)) continue;
      const text = this.column(name);
      if (text !== undefined) this.#values[name] = filterValue(text);
    }
    return this.#values;
  }

  hasTexts(names: readonly string[]): boolean {
    return this.#textsJson !== undefined && this.has(names);
  }

  /** Returns a column as Postgres prints it, null for NULL. Requires `hasTexts`. */
  postgresText(name: string): string | null {
    this.#texts ??= this.#textsJson === undefined || this.#textsJson === '{}' ? NO_TEXTS : textsOf(this.#textsJson);
    const own = this.#texts[name];
    if (own !== undefined) return own;
    const json = this.column(name) ?? 'null';
    const first = json.charCodeAt(0);
    if (first === 0x22) return JSON.parse(json) as string;
    return json === 'null' ? null : json;
  }

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

const textsOf = (json: string): Record<string, string> => Object.assign(Object.create(null), JSON.parse(json));

function filterValue(text: string): unknown {
  const first = text.charCodeAt(0);
  const isNumber = first === 0x2d || (first >= 0x30 && first <= 0x39);
  return isNumber && text.length > EXACT_NUMBER_LENGTH ? text : JSON.parse(text);
}
