/** Names the limit that is exceeded in messages: the share of an identity, or the limit of the instance. */
export const whose = (where: 'share' | 'instance') => (where === 'share' ? 'identity' : where);
