/** The address of the tab as state: components render again when it changes. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Address, formatAddress, type Params, parseAddress } from './address.ts';
import { type PageName, pageOf } from './pages.ts';

const listeners = new Set<(address: Address) => void>();
let current = parseAddress(location.href);

function changed(): void {
  current = parseAddress(location.href);
  for (const listener of listeners) listener(current);
}
addEventListener('popstate', changed);

export function useAddress(): Address {
  const [address, setAddress] = useState(current);
  useEffect(() => {
    setAddress(current);
    listeners.add(setAddress);
    return () => void listeners.delete(setAddress);
  }, []);
  return address;
}

/** The range stays when another page is opened. */
const withRange = (params: Params): Params => ({ range: current.params.range, ...params });

export function navigate(page: PageName, params: Params = {}, { replace = false } = {}): void {
  const href = formatAddress(page, withRange(params));
  if (replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  const isOtherPage = page !== current.page;
  changed();
  if (isOtherPage) scrollTo(0, 0);
}

/** Changes parameters of the page that is open; undefined takes one away. */
export function setParams(changes: Params, options?: { replace?: boolean }): void {
  navigate(current.page, { ...current.params, ...changes }, options);
}

/** Takes away what was selected last, as Esc does. */
export function leaveSelection(): boolean {
  const selected = pageOf(current.page).selections.findLast((name) => current.params[name] !== undefined);
  if (selected === undefined) return false;
  setParams({ [selected]: undefined });
  return true;
}

/** A link within the console; the browser opens it in another tab as usual. */
export function Link(props: {
  page: PageName;
  params?: Params;
  /** Keeps the filters and selections of the address. */
  keep?: boolean;
  /** The arrow keys move between rows. */
  row?: boolean;
  class?: string;
  title?: string;
  current?: boolean;
  children: ComponentChildren;
}) {
  const { page, keep, row, children } = props;
  const params = keep ? { ...current.params, ...props.params } : (props.params ?? {});
  return (
    <a
      href={formatAddress(page, withRange(params))}
      class={props.class}
      title={props.title}
      aria-current={props.current ? 'true' : undefined}
      data-row={row ? '' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        navigate(page, params);
      }}
    >
      {children}
    </a>
  );
}
