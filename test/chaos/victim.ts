/**
 * A process that waits for its orders (a workspace, and the number of a crash point or 0), runs the chain once, and kills itself at
 * that point with no chance to tidy up. Where it lives it says how many points it passed.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { runOnce } from '../../src/cli/chain.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { openWorkspace } from '../../src/cli/workspace.ts'
import { crashPoints } from './crash-points.ts'

const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string]
const { dir, point } = JSON.parse(line) as { dir: string; point: number }
let passed = 0
const workspace = await openWorkspace(
  await readSettings({ directory: dir }),
  crashPoints(() => {
    passed += 1
    if (passed === point) process.kill(process.pid, 'SIGKILL')
  }),
)
await runOnce(workspace)
await workspace.close()
process.stdout.write(`${passed}\n`)
process.exit(0)
