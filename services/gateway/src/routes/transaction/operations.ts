/** Parses the body of POST /api/v1/transaction. The bodies of the operations stay text. */
import { sliceArray, sliceObject } from '@tidemark/contracts';
import { checkStructure } from '@tidemark/plan';
import { errors } from '../../errors.ts';
import { WRITE_METHODS, type WriteMethod } from '../../plan/table-write.ts';

export interface Operation {
  method: WriteMethod;
  target: { kind: 'table' | 'rpc'; name: string };
  search: string;
  /** JSON text; empty where the operation has no body. */
  body: string;
  prefer: string | undefined;
  unfiltered: boolean;
}

const KEYS = new Set(['method', 'path', 'body', 'prefer', 'unfiltered']);

export function readOperations(text: string, maximum: number): Operation[] {
  let parsed: unknown;
  checkStructure(text);
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw errors.TRANSACTION_BODY({ reason: (cause as Error).message }, { cause });
  }
  const list = (parsed as { operations?: unknown } | null)?.operations;
  if (!Array.isArray(list)) throw errors.TRANSACTION_BODY({ reason: '"operations" is not an array' });
  if (list.length === 0) throw errors.TRANSACTION_BODY({ reason: '"operations" is empty' });
  if (list.length > maximum) {
    throw errors.TRANSACTION_BODY({ reason: `${list.length} operations are more than the ${maximum} allowed` });
  }
  const texts = sliceArray(sliceObject(text).get('operations') ?? '[]');
  return list.map((given: unknown, index) => readOperation(given, texts[index] ?? '', `operations[${index}]`));
}

function readOperation(given: unknown, text: string, at: string): Operation {
  const refuse = (reason: string) => errors.TRANSACTION_BODY({ reason: `${at} ${reason}` });
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuse('is not an object');
  const operation = given as Record<string, unknown>;
  const unknown = Object.keys(operation).find((key) => !KEYS.has(key));
  if (unknown !== undefined) throw refuse(`has the unknown key "${unknown.slice(0, 63)}"`);
  const { method, path, prefer, unfiltered } = operation;
  if (!WRITE_METHODS.includes(method as WriteMethod))
    throw refuse('has a method other than POST, PATCH, PUT and DELETE');
  if (typeof path !== 'string') throw refuse('has no path');
  if (prefer !== undefined && typeof prefer !== 'string') throw refuse('has a prefer that is no string');
  if (unfiltered !== undefined && unfiltered !== true) throw refuse('has an unfiltered that is not true');
  const found = /^\/rest\/v1\/(rpc\/)?([^/?#]+)(?:\?([^#]*))?$/.exec(path);
  if (!found)
    throw refuse(`has the path "${path.slice(0, 100)}", which is not /rest/v1/<table> or /rest/v1/rpc/<function>`);
  const [, rpc, encoded = '', search = ''] = found;
  if (rpc && method !== 'POST') throw refuse('calls a function by another method than POST');
  return {
    method: method as WriteMethod,
    target: { kind: rpc ? 'rpc' : 'table', name: decodeName(encoded, refuse) },
    search,
    body: operation.body === undefined ? '' : (sliceObject(text).get('body') ?? ''),
    prefer: prefer as string | undefined,
    unfiltered: unfiltered === true,
  };
}

function decodeName(encoded: string, refuse: (reason: string) => Error): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // URIError has no details, so the value is reported.
    throw refuse(`has a path with the invalid escape "${encoded.slice(0, 63)}"`);
  }
}
