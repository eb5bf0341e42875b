import { takeDirectory, takeNumber } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { table } from '../render/table.ts'
import { counted, visible } from '../render/text.ts'

const defaultRows = 1000
const numeric = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT)$/

export const query = defineCommand({
  synopsis: ['query [DIR] "SQL" [--limit N] [--json]'],
  about:
    "One reading statement over the tables of the lakehouse, named as namespace.table: product_core.product, product_raw.ingest_errors, product_raw.<vendor>_<table>. As it was: `FROM product_core.product AT (VERSION => 123)`, or `AT (TIMESTAMP => '2026-11-24 12:00')` in UTC; what there is to read is in `product_core.product.snapshots`. With --json: {columns, rows}.",
  options: { limit: { value: 'N', about: `rows at most, ${defaultRows} where it is not given` }, ...settingOptions },
  async run(call) {
    const { terminal, options, words } = call
    const {
      directory,
      words: [sql],
    } = takeDirectory(words, '"SQL"')
    const limit = takeNumber('limit', options.limit) ?? defaultRows
    const { columns, rows, truncated } = await withWorkspace(call, directory, ({ lakehouse }) =>
      lakehouse.query(sql!, { limit }),
    )
    terminal.answer({ columns, rows, truncated }, () => {
      const titles = columns.map(({ name, type }) => ({
        title: visible(name),
        align: numeric.test(type) ? ('right' as const) : ('left' as const),
      }))
      const cells = rows.map(row =>
        row.map(cell =>
          cell === null
            ? terminal.colors.dim('null')
            : visible(typeof cell === 'object' ? JSON.stringify(cell) : String(cell)),
        ),
      )
      const cut = truncated ? '; there are more, see --limit' : ''
      return [table(titles, cells, terminal), terminal.colors.dim(`${counted(rows.length, 'row')}${cut}`)].join('\n')
    })
    return exitCodes.done
  },
})
