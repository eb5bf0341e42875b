/** A process that serves one tool over stdio, and says something on the console while it works. */
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { readingTool } from '../../contracts/tools/tool.ts'
import { serveTools } from '../../src/tools/server.ts'
import { serveToolsOverStdio } from '../../src/tools/stdio.ts'

const greet = readingTool({
  title: 'Greet',
  description: 'Says hello.',
  input: z.strictObject({ name: z.string() }),
  output: z.strictObject({ greeting: z.string() }),
})
const server = serveTools(
  'manners',
  { greet },
  {
    greet: ({ name }) => {
      console.log('this must not get into the protocol')
      if (name === '') throw new Failure('TABLE_MISSING', 'Nobody is there.', { owner: 'the porter' })
      return { greeting: `Hello ${name}` }
    },
  },
)
await serveToolsOverStdio(server)
