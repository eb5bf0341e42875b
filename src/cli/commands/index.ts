import type { Command } from '../command.ts'

interface CommandRow {
  /** One line of `aiworkflow --help`. */
  readonly summary: string
  /** Read when the command is typed: help and version load no engine. */
  load(): Promise<Command>
}

/** Every command, in the order in which people meet them. */
export const commands: Readonly<Record<string, CommandRow>> = {
  init: { summary: 'a new workspace', load: async () => (await import('./init.ts')).init },
  run: { summary: 'everything in landing/, once, then stop', load: async () => (await import('./run.ts')).run },
  up: { summary: 'the same, and keep watching', load: async () => (await import('./up.ts')).up },
  discover: {
    summary: 'what files are: format, columns, keys',
    load: async () => (await import('./discover.ts')).discover,
  },
  plan: {
    summary: 'what compute each waiting delivery would get, and why',
    load: async () => (await import('./plan.ts')).plan,
  },
  query: { summary: 'read the lakehouse with SQL', load: async () => (await import('./query.ts')).query },
  trace: { summary: 'the agent stack trace of one run', load: async () => (await import('./trace.ts')).trace },
  runs: { summary: 'every run and how it ended', load: async () => (await import('./runs.ts')).runs },
  approvals: { summary: 'what waits for a person', load: async () => (await import('./approvals.ts')).approvals },
  approve: { summary: 'answer an approval', load: async () => (await import('./approve.ts')).approve },
  reject: { summary: 'answer an approval with no', load: async () => (await import('./approve.ts')).reject },
  rollback: {
    summary: 'take a delivery back out of core',
    load: async () => (await import('./rollback.ts')).rollback,
  },
  decisions: {
    summary: 'who or what decided, by step of the ladder',
    load: async () => (await import('./decisions.ts')).decisions,
  },
  costs: { summary: 'what language models cost', load: async () => (await import('./costs.ts')).costs },
  'dead-letters': {
    summary: 'runs that failed: look, replay, discard',
    load: async () => (await import('./dead-letters.ts')).deadLetters,
  },
  contract: { summary: 'a feed contract as ODCS YAML', load: async () => (await import('./contract.ts')).contract },
  versions: {
    summary: 'what contract and mapping said, and back to it',
    load: async () => (await import('./versions.ts')).versions,
  },
  prompts: {
    summary: 'prompts, how their answers fared, new ones',
    load: async () => (await import('./prompts.ts')).prompts,
  },
  maintain: {
    summary: 'compact tables, expire snapshots, clean up',
    load: async () => (await import('./maintain.ts')).maintain,
  },
  agent: { summary: 'one agent as its own process', load: async () => (await import('./agent.ts')).agent },
  intake: { summary: 'the intake as its own process', load: async () => (await import('./agent.ts')).intake },
  tools: { summary: 'one MCP server as its own process', load: async () => (await import('./tools.ts')).tools },
}
