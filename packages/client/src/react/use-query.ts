import { useCallback, useEffect, useState } from 'react';
import { type Followable, identityOf } from '../tables.ts';

export interface QueryState<Row> {
  /** Undefined before the first response. */
  readonly rows: readonly Row[] | undefined;
  readonly error: { readonly message: string; readonly code?: string; readonly hint?: string } | undefined;
  readonly isLoading: boolean;
  /** Reads again; the rows stay until the response. */
  refresh(): void;
}

interface Shown<Row> {
  readonly key: unknown;
  readonly turn: number;
  readonly rows: readonly Row[] | undefined;
  readonly error: QueryState<Row>['error'];
}

/** Reads a query once, and again after `refresh()` or when its text changes. Null reads nothing. */
export function useQuery<Row>(
  query: (Followable<Row> & PromiseLike<{ data: unknown; error: unknown }>) | null,
): QueryState<Row> {
  const key = query === null ? null : identityOf(query);
  const [turn, setTurn] = useState(0);
  const [shown, setShown] = useState<Shown<Row>>({ key: null, turn: 0, rows: undefined, error: undefined });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the query, which is a new object at each render.
  useEffect(() => {
    if (query === null) return;
    let isCurrent = true;
    const show = (rows: readonly Row[] | undefined, error: QueryState<Row>['error']) => {
      // A response that arrives after a newer request, or after the end of the component, is ignored.
      if (isCurrent) setShown({ key, turn, rows, error });
    };
    query.then(
      ({ data, error }) =>
        error ? show(undefined, error as NonNullable<typeof error> & Error) : show(data as readonly Row[], undefined),
      (error: Error) => show(undefined, error),
    );
    return () => {
      isCurrent = false;
    };
  }, [key, turn]);

  const refresh = useCallback(() => setTurn((before) => before + 1), []);
  const isOfQuery = shown.key === key;
  return {
    rows: isOfQuery ? shown.rows : undefined,
    error: isOfQuery ? shown.error : undefined,
    isLoading: query !== null && (!isOfQuery || shown.turn !== turn),
    refresh,
  };
}
