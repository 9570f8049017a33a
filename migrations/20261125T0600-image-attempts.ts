/** How many attempts to process an image ended without an outcome. services/media/image-lifecycle.ts says what counts. */
export const up = `
alter table images add column attempts smallint not null default 0;
`;
