/**
 * Parses the text in which Postgres stores expressions (pg_node_tree; src/backend/nodes/outfuncs.c, read.c). It identifies objects by
 * oids, not by names. Unexpected text gives undefined.
 *
 *   value  ::=  <>  |  token  |  ( value … )  |  {TAG :field value …}  |  length [ byte … ]
 */

export interface Node {
  readonly tag: string;
  readonly fields: ReadonlyMap<string, NodeValue>;
}

export interface Bytes {
  readonly bytes: readonly number[];
}

/** null is `<>`. Numbers, booleans and names are tokens. */
export type NodeValue = null | string | Node | Bytes | readonly NodeValue[];

/** Characters of a tree; that of a policy has some KB. */
const MAX_LENGTH = 4_000_000;
/** Levels of nesting, which use the stack. Postgres's parser allows more. */
const MAX_DEPTH = 400;
/** Tokens as pg_strtok has them: brackets are tokens, and a backslash escapes the next character. */
const TOKEN = /[ \n\t]*([(){}]|(?:[^ \n\t(){}\\]|\\[\s\S])+)/y;

export function parseNodeText(text: string): NodeValue | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const reader = new Reader(text);
  const value = reader.value(0);
  return value === undefined || reader.next() !== undefined ? undefined : value;
}

export const isNode = (value: NodeValue | undefined): value is Node =>
  typeof value === 'object' && value !== null && 'tag' in value;

export function number(node: Node, field: string): number | undefined {
  const value = node.fields.get(field);
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : undefined;
}

class Reader {
  #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string | undefined {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text)?.[1];
    if (token !== undefined) this.#at = TOKEN.lastIndex;
    else if (this.#text.slice(this.#at).trim() !== '') return '';
    return token;
  }

  value(depth: number, token = this.next()): NodeValue | undefined {
    if (token === undefined || token === '' || depth > MAX_DEPTH) return undefined;
    if (token === '{') return this.#node(depth);
    if (token === '(') return this.#list(depth);
    if (token === ')' || token === '}') return undefined;
    return token === '<>' ? null : token.replace(/\\([\s\S])/g, '$1');
  }

  #list(depth: number): NodeValue[] | undefined {
    const items: NodeValue[] = [];
    for (;;) {
      const token = this.next();
      if (token === ')') return items;
      const item = this.value(depth + 1, token);
      if (item === undefined) return undefined;
      items.push(item);
    }
  }

  #node(depth: number): Node | undefined {
    const tag = this.next();
    if (tag === undefined || !/^[A-Z_0-9]+$/.test(tag)) return undefined;
    const fields = new Map<string, NodeValue>();
    for (;;) {
      // A name may look like a field, so fields are parsed by place: a label, then one value.
      const label = this.next();
      if (label === '}') return { tag, fields };
      if (label === undefined || !/^:[A-Za-z_0-9]+$/.test(label) || fields.has(label.slice(1))) return undefined;
      const value = this.value(depth + 1);
      const whole = label === ':constvalue' && typeof value === 'string' ? this.#bytes() : value;
      if (whole === undefined) return undefined;
      fields.set(label.slice(1), whole);
    }
  }

  #bytes(): Bytes | undefined {
    if (this.next() !== '[') return undefined;
    const bytes: number[] = [];
    for (;;) {
      const token = this.next();
      if (token === ']') return { bytes };
      if (token === undefined || !/^-?\d{1,3}$/.test(token)) return undefined;
      bytes.push(Number(token) & 0xff);
    }
  }
}
