/** Reasons for which the signal of a chunk is aborted. */

/** Its results would be refused. */
export const LOST = 'lost';
/** The service stops: what is done is written, and the rest runs elsewhere. */
export const HAND_BACK = 'hand back';
