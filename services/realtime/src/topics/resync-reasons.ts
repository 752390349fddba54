export const CHANGED = 'the table, its policies or the rights on it have changed';
export const UNREADABLE = 'a change could not be read';
