/** A request that PostgREST's specifications make, in our own words and on our own tables, with the answer that PostgREST gives. */
export interface PostgrestCase {
  /** The group of requests that once differed, such as `G04`. */
  readonly group: string;
  readonly method: string;
  /** Without `/rest/v1`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are, everything else as JSON. */
  readonly body?: unknown;
  /** The claims of a token, perhaps made when the request is, or the text of the Authorization header. */
  readonly as?: Claims | (() => Claims) | string;
  /** `pre-request`: a gateway with a pre-request function. */
  readonly gateway?: 'pre-request';
  readonly expected: Expected;
}

type Claims = Readonly<Record<string, unknown>>;

export interface Expected {
  /** Default 200. */
  readonly status?: number;
  /** The JSON of the body; only these members of an error are compared. */
  readonly json?: unknown;
  readonly text?: string;
  /** Hexadecimal. */
  readonly bytes?: string;
  /** null: absent. An address is compared without `/rest/v1`. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

type Options = Omit<PostgrestCase, 'group' | 'method' | 'path' | 'expected'>;

/** Cases of one group. */
export const group =
  (name: string) =>
  (method: string, path: string, expected: Expected, options: Options = {}): PostgrestCase => ({
    group: name,
    method,
    path,
    expected,
    ...options,
  });

export const SINGULAR = { accept: 'application/vnd.pgrst.object+json' };
export const REPRESENTATION = { prefer: 'return=representation' };
export const EXACT = { prefer: 'count=exact' };
