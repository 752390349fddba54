import { createHash } from 'node:crypto';

/** Returns the short hash that names a statement's text, or its shape. */
export const statementHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
