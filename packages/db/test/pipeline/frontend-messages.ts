/** Takes apart what a pipeline sends: one short text a message, such as `Bind p1($1='a')`. */
export function frontendMessages(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    messages.push(shown(String.fromCharCode(bytes[at] as number), bytes.subarray(at + 5, end)));
    at = end;
  }
  return messages;
}

function shown(type: string, body: Buffer): string {
  const texts = body.toString('utf8').split('\0');
  if (type === 'P') return `Parse ${texts[0]}: ${texts[1]}`;
  if (type === 'B') return `Bind ${bound(body)}`;
  if (type === 'D') return `Describe ${texts[0]!.slice(1)}`;
  if (type === 'C') return `Close ${texts[0]!.slice(1)}`;
  return type === 'E' ? 'Execute' : type === 'S' ? 'Sync' : `unknown ${type}`;
}

function bound(body: Buffer): string {
  const nameEnd = body.indexOf(0, 1);
  let at = nameEnd + 3;
  const params: string[] = [];
  const count = body.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < count; i++) {
    const length = body.readInt32BE(at);
    at += 4;
    params.push(length < 0 ? 'null' : `'${body.toString('utf8', at, at + length)}'`);
    if (length > 0) at += length;
  }
  if (at !== body.length - 2) throw new Error(`Bind has ${body.length - 2 - at} bytes more`);
  return `${body.toString('utf8', 1, nameEnd)}(${params.join(', ')})`;
}
