/** Spark SQL's names for the contracts' column types. Iceberg's `timestamp` is TIMESTAMP_NTZ there, its `timestamptz` TIMESTAMP. */
const names: Readonly<Record<string, string>> = {
  string: 'STRING',
  boolean: 'BOOLEAN',
  int: 'INT',
  long: 'BIGINT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP_NTZ',
  timestamptz: 'TIMESTAMP',
}

export const sparkType = (type: string): string => names[type] ?? type.toUpperCase()
