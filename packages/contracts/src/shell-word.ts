/** Quotes an argument so that a command in a hint can be pasted into a shell, whatever characters a table's name has. */
export const shellWord = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
