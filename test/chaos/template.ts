/** The workspace that is killed: small, and with every kind of turn. Both feeds go on without anybody. */
import { testWorkspace } from '../flow/workspace.ts'

const csv = (...lines: readonly string[]): string => `${lines.join('\n')}\n`

const lamps = (from: number, to: number, more = ''): string[] =>
  Array.from(
    { length: to - from + 1 },
    (_, at) => `0${1000 + from + at},Lamp number ${from + at},${from + at}.50${more}`,
  )

const files = {
  // A record with a cell too many, and one whose price breaks a rule.
  'acme/products-2026-01-10.csv': csv(
    'sku,title,price',
    ...lamps(1, 20),
    '01021,Chair,35.00,what is this',
    '01022,Shelf,-5.00',
  ),
  // One column more than its contract knows, some articles again, and one of them twice.
  'acme/products-2026-01-17.csv': csv('sku,title,price,brand', ...lamps(15, 30, ',Oak'), '01015,Lamp,14.50,Elm'),
  // Two columns that could be the colour: somebody is asked, and the delivery does not wait.
  'bolt/lamps-2026-01-12.csv': csv('sku,title,price,color,colour', ...lamps(1, 20, ',red,rot')),
}

/** Its folder; the caller removes it. */
export async function killTemplate(): Promise<string> {
  return (await testWorkspace(files)).dir
}
