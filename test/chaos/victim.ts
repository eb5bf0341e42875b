/** A process that runs the chain once and kills itself, with no chance to tidy up, at the crash point whose number it is given. */
import { runOnce } from '../../src/cli/chain.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { openWorkspace } from '../../src/cli/workspace.ts'
import { crashPoints } from './crash-points.ts'

const [dir = '.', point = '0'] = process.argv.slice(2)
let passed = 0
const workspace = await openWorkspace(
  await readSettings({ directory: dir }),
  crashPoints(() => {
    passed += 1
    if (passed === Number(point)) process.kill(process.pid, 'SIGKILL')
  }),
)
await runOnce(workspace)
await workspace.close()
process.stdout.write(`${passed}\n`)
