/**
 * Reads parts of a pg_node_tree (`{QUERY :commandType 1 … :targetList ({TARGETENTRY …}) …}`) without building it: a
 * view's tree may have megabytes. Postgres writes a backslash before each delimiter that is part of a token
 * (outToken in outfuncs.c).
 */

export interface Span {
  /** The first character of the value. */
  readonly from: number;
  readonly to: number;
}

const BACKSLASH = 0x5c;
const SPACE = 0x20;
const COLON = 0x3a;
const [OPEN_LIST, CLOSE_LIST, OPEN_NODE, CLOSE_NODE] = [0x28, 0x29, 0x7b, 0x7d];

/** Returns the fields of the node whose `{` is at `from`, with its nested nodes unread. */
export function nodeFields(text: string, from: number): Map<string, Span> {
  const fields = new Map<string, Span>();
  let name: string | undefined;
  let begin = 0;
  const end = (at: number) => {
    if (name !== undefined) fields.set(name, { from: begin, to: at });
  };
  let depth = 0;
  for (let i = from; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i += 1;
    else if (code === OPEN_LIST || code === OPEN_NODE) depth += 1;
    else if (code === CLOSE_LIST || code === CLOSE_NODE) {
      depth -= 1;
      if (depth === 0) {
        end(i);
        return fields;
      }
    } else if (code === COLON && depth === 1 && text.charCodeAt(i - 1) === SPACE) {
      end(i - 1);
      const space = text.indexOf(' ', i);
      name = text.slice(i + 1, space);
      begin = space + 1;
      i = space;
    }
  }
  return fields;
}

/** Returns where each node of the list at `span` begins; an empty list for `<>`, which is NULL. */
export function listNodes(text: string, span: Span | undefined): number[] {
  const nodes: number[] = [];
  if (span === undefined) return nodes;
  let depth = 0;
  for (let i = span.from; i < span.to; i += 1) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i += 1;
    else if (code === OPEN_LIST || code === OPEN_NODE) {
      if (depth === 1 && code === OPEN_NODE) nodes.push(i);
      depth += 1;
    } else if (code === CLOSE_LIST || code === CLOSE_NODE) depth -= 1;
  }
  return nodes;
}

export const valueAt = (text: string, span: Span | undefined): string =>
  span === undefined ? '' : text.slice(span.from, span.to).trim();
