/** Writes deploy/chart/files/chain.json, and contracts/released: the AsyncAPI document and the schema of each topic's current version. Files of older
 * versions stay, and a released version is only written again when the same messages are accepted: otherwise it says so and exits with 1. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { asyncApiDocument, payloadSchema, schemaFile, topics } from '../contracts/asyncapi.ts'
import { chartChainText } from '../contracts/chart.ts'
import { incompatibilities } from '../contracts/compatibility.ts'

/** Texts by name of file in contracts/released. */
export async function releasedFiles(): Promise<Map<string, string>> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const document = asyncApiDocument(version, topic => ({ $ref: `./${schemaFile(topic)}` }))
  return new Map([
    ['asyncapi.yaml', stringify(document, { aliasDuplicateObjects: false })],
    ...topics.map(topic => [schemaFile(topic), `${JSON.stringify(payloadSchema(topic), null, 2)}\n`] as const),
  ])
}

export const releasedFolder = new URL('../contracts/released/', import.meta.url)
export const chartChainFile = new URL('../deploy/chart/files/chain.json', import.meta.url)

if (import.meta.main) {
  await writeFile(chartChainFile, chartChainText())
  await mkdir(releasedFolder, { recursive: true })
  const refused: string[] = []
  for (const topic of topics) {
    const before = await readFile(new URL(schemaFile(topic), releasedFolder), 'utf8').catch(() => undefined)
    if (before !== undefined) refused.push(...incompatibilities(topic, JSON.parse(before), payloadSchema(topic)))
  }
  if (refused.length > 0) {
    console.error(refused.join('\n'))
    process.exitCode = 1
  } else for (const [name, text] of await releasedFiles()) await writeFile(new URL(name, releasedFolder), text)
}
