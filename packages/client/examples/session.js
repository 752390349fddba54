/** The token of the page: from #token=… once, then from sessionStorage, so that it is not in the address bar. */
import { createClient } from '@tidemark/client';

const given = new URLSearchParams(location.hash.slice(1)).get('token');
if (given) {
  sessionStorage.setItem('token', given);
  history.replaceState(null, '', location.pathname);
}
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
if (!token) say('Without a token: open the address with #token=… as npm start prints it.');
