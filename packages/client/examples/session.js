/** The token of the page: by the one-time code in #code=…, or from #token=…, then from sessionStorage, so that it is not in the address bar. */
import { createClient } from '@tidemark/client';

const address = new URLSearchParams(location.hash.slice(1));
if (address.size > 0) history.replaceState(null, '', location.pathname);
const given = address.get('token') ?? (address.has('code') ? await redeem(address.get('code')) : undefined);
if (given) sessionStorage.setItem('token', given);
export const token = sessionStorage.getItem('token') ?? undefined;
export const claims = token ? JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))) : {};

export const connect = (schema) => createClient(location.origin, { token, schema });

/** @throws the error of a request of postgrest-js */
export async function rows(request) {
  const { data, error } = await request;
  if (error) throw new Error(`${error.message} ${error.hint ?? ''}`.trim());
  return data;
}

/** An element with properties, attributes of `dataset`, and children. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export const say = (text) => {
  document.querySelector('[role=status]').textContent = text;
};
addEventListener('unhandledrejection', ({ reason }) => say(reason?.message ?? String(reason)));
if (!token) say('Without a token: `npx --no -- tidemark examples` prints a link that opens this page once.');

/** Returns undefined for a code that has served. */
async function redeem(code) {
  const response = await fetch('/console/token', { method: 'POST', headers: { 'tidemark-console-code': code } });
  return response.ok ? (await response.json()).token : undefined;
}
