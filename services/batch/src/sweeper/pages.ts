/** Each sweep reads one page, and the next one goes on behind it: rows that cannot go on keep no others. */
export interface Pages<K> {
  /** The last key of the page before; undefined: the next page is the first. */
  after(): K | undefined;
  read(page: readonly K[]): void;
}

export function createPages<K>(limit: number): Pages<K> {
  let last: K | undefined;
  return {
    after: () => last,
    read(page) {
      last = page.length === limit ? page.at(-1) : undefined;
    },
  };
}
