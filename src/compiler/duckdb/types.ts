/** DuckDB's names for the contracts' column types. */
const names: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
}

export const duckdbType = (type: string): string => names[type] ?? type.toUpperCase()
