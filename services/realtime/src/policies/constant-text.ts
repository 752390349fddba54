/** Decodes the value of a constant from its bytes in a node tree. */
import { TYPES } from './expression.ts';
import { type Node, number } from './node-text.ts';

/** Decodes text (ASCII only, which is the same in every encoding), bool, uuid, int2 and int4. */
export function constantText(node: Node): string | null | undefined {
  if (node.fields.get('constisnull') === 'true') return null;
  const value = node.fields.get('constvalue');
  if (typeof value !== 'object' || value === null || !('bytes' in value)) return undefined;
  const { bytes } = value;
  switch (number(node, 'consttype')) {
    case TYPES.bool:
      return String(bytes.some((byte) => byte !== 0));
    case TYPES.int2:
    case TYPES.int4:
      return integerText(bytes);
    case TYPES.uuid:
      return bytes.length === 16 ? Buffer.from(bytes).toString('hex') : undefined;
    case TYPES.text:
    case TYPES.varchar:
      return varlenaText(bytes);
    default:
      return undefined;
  }
}

/** Text follows four bytes with the length of all, in either byte order. */
function varlenaText(bytes: readonly number[]): string | undefined {
  const header = new DataView(Uint8Array.from(bytes.slice(0, 4)).buffer);
  if (header.byteLength < 4) return undefined;
  const isWhole = header.getUint32(0, true) === bytes.length * 4 || header.getUint32(0, false) === bytes.length;
  const text = bytes.slice(4);
  return isWhole && text.every((byte) => byte > 0 && byte < 0x80) ? String.fromCharCode(...text) : undefined;
}

/** A Datum has eight bytes; the half without the number repeats its sign. */
function integerText(bytes: readonly number[]): string | undefined {
  if (bytes.length !== 8) return undefined;
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const isLittle = (view.getInt32(0, true) < 0 ? -1 : 0) === view.getInt32(4, true);
  const isBig = (view.getInt32(4, false) < 0 ? -1 : 0) === view.getInt32(0, false);
  if (isLittle === isBig) return view.getInt32(0) === view.getInt32(4) ? String(view.getInt32(0)) : undefined;
  return String(isLittle ? view.getInt32(0, true) : view.getInt32(4, false));
}
