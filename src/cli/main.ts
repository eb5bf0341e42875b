/** The process around the command line: its streams and its end. */
import { Console } from 'node:console'
import { exitCodes } from './command.ts'
import { program, reportFault } from './program.ts'

// stdout is ours alone: what a library prints belongs to the notes.
globalThis.console = new Console(process.stderr)
// The reader of a pipe may leave early (`aiworkflow query … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed),
)

// What nobody awaits is still a failure to be told in the form that was asked for.
process.once('uncaughtException', error => process.exit(reportFault(error, process.argv.slice(2), process.env)))

const code = await program(process.argv.slice(2), process.env)
// A pipe takes what its reader has room for, the rest waits here: the process ends when all of it is written, and then at once, so
// that a handle which a library forgot holds nobody.
for (const stream of [process.stdout, process.stderr]) await new Promise<void>(done => stream.write('', () => done()))
process.exit(code)
