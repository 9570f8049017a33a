/** A tsquery of all these lexemes, with this weight. They are quoted: whatever is in them is read as a lexeme. */
export const lexemesQuery = (lexemes: string[], weight?: "A" | "D") =>
	both(lexemes.map((lexeme) => `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'${weight ? `:${weight}` : ""}`));

export const both = (queries: string[]) => [...new Set(queries)].map((query) => `(${query})`).join(" & ");
export const either = (queries: string[]) => [...new Set(queries)].map((query) => `(${query})`).join(" | ");
