/**
 * `npm test`: every test, or those whose path contains a word given, then one last line that tools read: `N passed, N failed`.
 * Not zero when something failed, when a file could not be loaded, or when nothing ran at all.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Results {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-test-'))
const file = join(folder, 'results.json')

const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=TimeoutNegativeWarning',
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
)

const { passed, failed } = counts(status)
rmSync(folder, { recursive: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

function counts(exitStatus: number | null): { passed: number; failed: number } {
  const results = read()
  if (results === undefined) return { passed: 0, failed: 1 }
  // A file that could not be loaded, or whose hooks failed, failed as one even where none of its tests did.
  const files = results.testResults.filter(
    result => result.status === 'failed' && !result.assertionResults.some(test => test.status === 'failed'),
  )
  const failed = results.numFailedTests + files.length
  // What Vitest objects to besides tests (an error nobody awaited) is a failure too.
  return { passed: results.numPassedTests, failed: failed === 0 && exitStatus !== 0 ? 1 : failed }
}

function read(): Results | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // Vitest did not get as far as writing it: a broken configuration, or the process was killed.
    return undefined
  }
}
