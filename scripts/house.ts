/**
 * The house rules that a compiler does not know, as a program: `node scripts/house.ts [ROOT]`.
 * Prints `file:line  what is wrong: what to do instead` and ends 1 where there is something to print.
 */
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkBans } from './house/bans.ts'
import type { Finding } from './house/finding.ts'
import { checkImports } from './house/layers.ts'
import { readSource } from './house/source.ts'

/** Code people wrote; what is generated, delivered or kept as evidence is not theirs to mend. */
const folders = ['contracts', 'bus', 'src', 'agents', 'bin', 'scripts', 'test', 'bench', 'deploy', 'examples']
const skipped = /(?:^|\/)(?:node_modules|fixtures|landing|warehouse|coverage|\.[^/]+)(?:\/|$)/
const sources = /\.(?:ts|mts|js|mjs)$/

/** Every finding below `root`, by path and place. */
export async function inspectHouse(root: string): Promise<Finding[]> {
  const paths = (await Promise.all(folders.map(folder => filesBelow(root, folder)))).flat()
  const findings = paths.sort().map(async path => {
    const file = { path, source: readSource(await readFile(join(root, path), 'utf8')) }
    return [...checkImports(file), ...checkBans(file)].sort((a, b) => a.offset - b.offset)
  })
  return (await Promise.all(findings)).flat()
}

async function filesBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter(entry => entry.isFile() && sources.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(path => !skipped.test(path))
}

function printed(root: string, { path, offset, message }: Finding): string {
  const line = readFileSync(join(root, path), 'utf8').slice(0, offset).split('\n').length
  return `${path}:${line}  ${message}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'))
  const findings = await inspectHouse(root)
  for (const finding of findings) console.log(printed(root, finding))
  console.log(findings.length === 0 ? 'house: in order' : `house: ${findings.length} to mend`)
  process.exitCode = findings.length === 0 ? 0 : 1
}
