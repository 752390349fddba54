/** The SSE format (WHATWG HTML §9.2), as much of it as the service sends. EventSource cannot send headers, so fetch reads it. */
export interface StreamEvent {
  event: string;
  data: string;
}

/** A message is some 20 KB; a stream that never ends one is not ours. */
const MAX_CHARACTERS = 8 * 1024 ** 2;

/** Feeds on text in any pieces; gives the events that are whole. @throws RangeError when an event does not end */
export function createEventParser(): (piece: string) => StreamEvent[] {
  let rest = '';
  return (piece) => {
    rest += piece;
    const blocks = rest.split('\n\n');
    rest = blocks.pop() as string;
    if (rest.length > MAX_CHARACTERS) throw new RangeError(`an event is longer than ${MAX_CHARACTERS} characters`);
    return blocks.map((block) => {
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        if (line.startsWith('event:')) event = line.slice(6).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
      }
      return { event, data: data.join('\n') };
    });
  };
}
