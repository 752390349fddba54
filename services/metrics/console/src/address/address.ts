/** An address holds the page, the range, filters and what is selected, so that a pasted one shows the same. */
import { PAGES, type PageName } from './pages.ts';

export interface Address {
  readonly page: PageName;
  readonly params: Readonly<Record<string, string>>;
}

/** Parameters to change: undefined takes one away. */
export type Params = Readonly<Record<string, string | undefined>>;

/** An unknown page is the first one. */
export function parseAddress(url: string): Address {
  const { pathname, searchParams } = new URL(url);
  const last = pathname.split('/').at(-1);
  const page = PAGES.find(({ name }) => name === last)?.name ?? '';
  return { page, params: Object.fromEntries(searchParams) };
}

/** Returns a reference relative to the folder of the console. Parameters without a value are left out. */
export function formatAddress(page: PageName, params: Params): string {
  const given = Object.entries(params).filter((entry): entry is [string, string] => !!entry[1]);
  const query = new URLSearchParams(given).toString();
  return `./${page}${query && `?${query}`}`;
}
