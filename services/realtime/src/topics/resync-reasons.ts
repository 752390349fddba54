/** Why subscriptions end with a resync, where more than one file says so. */

/** It was planned with facts that no longer hold. */
export const CHANGED = 'the table, its policies or the rights on it have changed';
/** An envelope is no JSON. */
export const UNREADABLE = 'a change could not be read';
