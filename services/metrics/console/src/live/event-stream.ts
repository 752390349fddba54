/** EventSource cannot send an Authorization header, so this parses the needed part of SSE (WHATWG HTML §9.2). */
export interface StreamEvent {
  event: string;
  data: string;
}

/** An event is about 20 KB; the limit bounds memory if an event never ends. */
const MAX_CHARACTERS = 8 * 1024 ** 2;

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
