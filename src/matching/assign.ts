/**
 * The best one-to-one assignment: the Hungarian algorithm in its O(n³) form with potentials (Kuhn 1955, Munkres 1957). A
 * greedy choice would give a column to the first that wants it.
 *
 * @param gain what pairing row i with column j is worth, at least 0; 0 is as good as leaving both alone
 * @returns for each row its column, or -1
 */
export function assign(gain: readonly (readonly number[])[]): number[] {
  const rows = gain.length
  const columns = gain[0]?.length ?? 0
  if (rows === 0 || columns === 0) return gain.map(() => -1)
  // Extra columns worth nothing, so that every row may stay alone.
  const width = columns + rows
  const cost = (row: number, column: number): number => -(column < columns ? (gain[row]?.[column] ?? 0) : 0)
  const rowPotential = new Float64Array(rows + 1)
  const columnPotential = new Float64Array(width + 1)
  const rowOf = new Int32Array(width + 1)
  const way = new Int32Array(width + 1)
  for (let row = 1; row <= rows; row += 1) {
    rowOf[0] = row
    let at = 0
    const slack = new Float64Array(width + 1).fill(Infinity)
    const used = new Uint8Array(width + 1)
    do {
      used[at] = 1
      const current = rowOf[at]!
      let delta = Infinity
      let next = 0
      for (let column = 1; column <= width; column += 1) {
        if (used[column] === 1) continue
        const reduced = cost(current - 1, column - 1) - rowPotential[current]! - columnPotential[column]!
        if (reduced < slack[column]!) {
          slack[column] = reduced
          way[column] = at
        }
        if (slack[column]! < delta) {
          delta = slack[column]!
          next = column
        }
      }
      for (let column = 0; column <= width; column += 1) {
        if (used[column] === 1) {
          rowPotential[rowOf[column]!]! += delta
          columnPotential[column]! -= delta
        } else slack[column]! -= delta
      }
      at = next
    } while (rowOf[at] !== 0)
    do {
      const before = way[at]!
      rowOf[at] = rowOf[before]!
      at = before
    } while (at !== 0)
  }
  const columnOf = gain.map(() => -1)
  for (let column = 1; column <= columns; column += 1) {
    const row = rowOf[column]! - 1
    if (row >= 0 && (gain[row]?.[column - 1] ?? 0) > 0) columnOf[row] = column - 1
  }
  return columnOf
}
