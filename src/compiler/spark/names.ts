/**
 * How names and texts stand in Spark SQL. Generated statements also stand inside raw Python strings, so that no text may hold three
 * double quotes: every one is escaped.
 */

/** Backticks, doubled inside. A name is taken as it is: a point in it is no path. */
export const sparkIdentifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``

/** Spark reads backslashes in a literal as escapes, as it does by default. */
export const sparkLiteral = (text: string): string => `'${text.replace(/[\\'"]/g, '\\$&')}'`
