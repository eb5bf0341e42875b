/** The process around the command line: its streams and its end. */
import { Console } from 'node:console'
import { exitCodes } from './command.ts'
import { program } from './program.ts'

// stdout is ours alone: what a library prints belongs to the notes.
globalThis.console = new Console(process.stderr)
// The reader of a pipe may leave early (`aiworkflow query … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed),
)

const code = await program(process.argv.slice(2), process.env)
// Writes to pipes, files and screens are done when they return on Linux, so nothing is cut off; a handle that a library forgot holds nobody.
process.exit(code)
