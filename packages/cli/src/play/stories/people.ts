/** The people of the stories: the claims of their tokens, with the schema in which they work. */

/** A manager of an organization of `fleet`. */
export const manager = (organization: number) => ({
  schema: 'fleet',
  claims: { organization_id: organization, fleet_role: 'manager' },
});

export const WORKSPACE = 1;

/** A member of a workspace of `corpus`. */
export const member = (role: 'owner' | 'editor' | 'reader' = 'owner') => ({
  schema: 'corpus',
  claims: { workspace_id: WORKSPACE, corpus_role: role },
});
