/** Builds what a Postgres server sends, for tests of the reader. */
import { Buffer } from 'node:buffer';

const message = (type: string, body: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
};
const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const int32 = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);

export const parseComplete = message('1');
export const bindComplete = message('2');
export const closeComplete = message('3');
export const noData = message('n');
export const emptyQueryResponse = message('I');
export const readyForQuery = message('Z', Buffer.from('I'));
export const inTransaction = message('Z', Buffer.from('T'));
export const copyOutResponse = message('H', Buffer.from([0, 0, 0]));
export const parameterDescription = message('t', int16(0));
export const commandComplete = (tag = 'SELECT 1') => message('C', Buffer.from(`${tag}\0`));
export const notice = (text: string) => message('N', Buffer.from(`SNOTICE\0M${text}\0\0`));
export const errorResponse = (code: string, fields = '') =>
  message('E', Buffer.from(`SERROR\0VERROR\0C${code}\0Mfailed\0${fields}\0`));
export const fatalResponse = (code: string) => message('E', Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mended\0\0`));

export const rowDescription = (columns: Readonly<Record<string, number>>) =>
  message(
    'T',
    Buffer.concat([
      int16(Object.keys(columns).length),
      ...Object.entries(columns).map(([name, type]) =>
        Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)]),
      ),
    ]),
  );

export const dataRow = (...values: (string | null)[]) =>
  message(
    'D',
    Buffer.concat([
      int16(values.length),
      ...values.map((value) => {
        if (value === null) return int32(-1);
        const text = Buffer.from(value);
        return Buffer.concat([int32(text.length), text]);
      }),
    ]),
  );
