/**
 * Comments of generated SQL. They quote definitions and names that vendors and people wrote, so everything that could end a line is
 * taken out: a comment must not become a statement.
 */

/** One comment line; whatever breaks lines or hides text becomes a space. */
export function comment(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  const shown = line.length > 200 ? `${line.slice(0, 199)}…` : line
  // Spark goes on with a comment on the next line behind a backslash.
  return `-- ${shown.replace(/\\+$/, '')}`
}

/** The head of a generated text: what it is, what governs it. Same inputs, same bytes. */
export function header(lines: readonly string[]): string {
  return [...lines, 'Generated: change the documents named above, never this text.'].map(comment).join('\n')
}
