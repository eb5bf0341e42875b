/**
 * `npm start`: the example workspace through the whole chain, by the same launcher a user types. Waiting for people is a good
 * end here (the report says what waits and how to answer), so only a failure is an error for npm.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const waiting = 3

const { status } = spawnSync(join(root, 'bin/aiworkflow'), ['run', 'examples/product', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
process.exit(status === waiting ? 0 : (status ?? 1))
