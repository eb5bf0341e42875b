/**
 * A process that waits for its orders (a workspace, and a crash point by number or by name), runs the chain once, and kills itself at
 * that point with no chance to tidy up. Where it lives it says which points it passed.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { runOnce } from '../../src/cli/chain.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { openWorkspace } from '../../src/cli/workspace.ts'
import { crashPoints } from './crash-points.ts'
import { Orders } from './victims.ts'

const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string]
const { dir, environment, point } = Orders.parse(JSON.parse(line))
const passed: string[] = []
const workspace = await openWorkspace(
  await readSettings({ directory: dir, environment }),
  crashPoints(place => {
    passed.push(place)
    if (point === place || point === passed.length) process.kill(process.pid, 'SIGKILL')
  }),
)
await runOnce(workspace)
await workspace.close()
process.stdout.write(JSON.stringify(passed), () => process.exit(0))
