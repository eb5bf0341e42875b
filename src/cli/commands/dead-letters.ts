import type { DeadLetter } from '../../runtime/dead-letters.ts'
import { takeAction } from '../arguments.ts'
import { defineCommand, exitCodes } from '../command.ts'
import { settingOptions, withWorkspace } from '../open.ts'
import { visible } from '../render/text.ts'
import type { Colors } from '../terminal.ts'
import { type TypedCommands, typedCommands } from '../typed.ts'
import { again } from './runs.ts'

export const deadLetters = defineCommand({
  synopsis: [
    'dead-letters [DIR] [--json]',
    'dead-letters [DIR] show ID [--json]',
    'dead-letters [DIR] replay ID',
    'dead-letters [DIR] discard ID',
  ],
  about:
    'Runs that failed for good, and messages nobody could read. `show` prints all that is known of one; `replay` starts the delivery, or sends the message, again once the cause is mended, as often as policy allows; `discard` puts the letter away.',
  options: settingOptions,
  async run(call) {
    const { terminal, environment } = call
    const action = takeAction(call.words, ['show', 'replay', 'discard'])
    const command = typedCommands(environment, action.directory)
    return withWorkspace(call, action.directory, async workspace => {
      const { deadLetters: letters } = workspace.stores
      if (action.kind === 'list') {
        const all = await letters.all()
        terminal.answer({ deadLetters: all.map(documentOf) }, () => text(all, command, terminal.colors))
        return exitCodes.done
      }
      if (action.verb === 'show') {
        const letter = await letters.get(action.id)
        terminal.answer({ deadLetter: whole(letter) }, () => page(letter))
        return exitCodes.done
      }
      if (action.verb === 'replay') return again(call, workspace, action.id, command('run'))
      await letters.discard(action.id)
      terminal.answer({ discarded: action.id }, () => `${action.id} is put away.`)
      return exitCodes.done
    })
  },
})

function documentOf({ id, at, state, failed: { agent, feed, file, failure, run, delivery } }: DeadLetter) {
  return {
    id,
    at,
    state,
    agent,
    feed: `${feed.vendor}/${feed.table}`,
    file,
    runId: run?.id,
    deliveryId: delivery?.id,
    ...failure,
  }
}

const whole = (letter: DeadLetter) => ({
  ...documentOf(letter),
  traceId: letter.failed.traceId,
  replays: letter.replays,
  checkpoint: letter.failed.checkpoint,
  toolCalls: letter.failed.toolCalls,
  /** The message as it came; `message` is what the failure says. */
  event: letter.failed.message,
})

/** One letter for people: what failed, whose it is, where to look, and the message as it came. */
function page({ id, at, state, replays, failed }: DeadLetter): string {
  const { agent, feed, file, failure, run, traceId, checkpoint, toolCalls, message } = failed
  const rows: [string, string | undefined][] = [
    ['failure', `${failure.code} ${failure.message}`],
    ['way out', failure.wayOut],
    ['owner', failure.owner],
    ['feed', `${feed.vendor}/${feed.table}`],
    ['file', file],
    ['agent', agent],
    ['at', at],
    ['run', run?.id],
    ['trace', traceId],
    ['replays', replays > 0 ? String(replays) : undefined],
    ['stood', checkpoint && `at ${checkpoint.id} of ${checkpoint.threadId}${before(checkpoint.next)}`],
    ...toolCalls.map(({ tool, argumentsDigest, ended, code }, at): [string, string] => [
      at === 0 ? 'called' : '',
      `${tool} ${argumentsDigest} ${ended}${code === undefined ? '' : ` ${code}`}`,
    ]),
    ['message', message && `${message.topic} ${message.id}`],
    ['data', message && JSON.stringify(message.data)],
  ]
  const known = rows.filter((row): row is [string, string] => row[1] !== undefined)
  return [`${id} (${state})`, ...known.map(([name, value]) => `  ${name.padEnd(8)} ${visible(value)}`)].join('\n')
}

const before = (next: readonly string[]): string => (next.length === 0 ? '' : `, before ${next.join(', ')}`)

function text(letters: readonly DeadLetter[], command: TypedCommands, colors: Colors): string {
  const open = letters.filter(({ state }) => state === 'open')
  const settled = letters.length - open.length
  if (open.length === 0) return `No dead letters${settled > 0 ? ` that are open; ${settled} settled` : ''}.`
  return open
    .map(({ id, failed: { agent, feed, file, failure } }) =>
      [
        `${colors.red(failure.code)} ${visible(failure.message)}`,
        `    ${feed.vendor}/${feed.table}${file === undefined ? '' : `, ${visible(file)}`}, at ${agent}, owner ${visible(failure.owner)}`,
        `    ${visible(failure.wayOut)}`,
        `    ${colors.cyan(command('dead-letters', 'replay', id))}`,
      ].join('\n'),
    )
    .join('\n\n')
}
