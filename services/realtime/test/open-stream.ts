/** An event stream, read as an EventSource would. */

export interface Event {
  event: string;
  id: string | undefined;
  retry: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into frames of every kind.
  data: any;
}

export async function openStream(url: string, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const events: Event[] = [];
  const state = { response, events, text: '', isOver: false, close: () => abort.abort() };
  if (!response.ok) return { ...state, problem: await response.json() };
  void (async () => {
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        state.text += Buffer.from(chunk).toString();
        for (let end = state.text.indexOf('\n\n'); end >= 0; end = state.text.indexOf('\n\n')) {
          const lines = state.text.slice(0, end).split('\n');
          state.text = state.text.slice(end + 2);
          const field = (name: string) =>
            lines
              .find((line) => line.startsWith(`${name}:`))
              ?.slice(name.length + 1)
              .trim();
          const data = field('data');
          if (data === undefined) continue;
          events.push({
            event: field('event') ?? '',
            id: field('id'),
            retry: field('retry'),
            data: JSON.parse(data),
          });
        }
      }
    } catch {
      // Aborted by this test.
    }
    state.isOver = true;
  })();
  return state;
}
