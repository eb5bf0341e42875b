import { chain } from '../../../contracts/chain.ts'

interface Row {
  readonly consumes: readonly string[]
  readonly emits: readonly string[]
  readonly nodes: readonly string[]
  readonly tools: readonly string[]
}

/** The pipeline as a picture, from its table alone: who speaks to whom, in which steps, holding which tool servers. */
export function renderChain(table: Readonly<Record<string, Row>> = chain): string {
  const agents = Object.entries(table)
  const nameWidth = Math.max(...agents.map(([name]) => name.length)) + 4
  const stepsWidth = Math.max(...agents.map(([, { nodes }]) => nodes.join(' → ').length)) + 4
  const side = sideTopics(agents)
  const onTheWay = (topics: readonly string[]) => topics.filter(topic => !side.includes(topic))
  const arrow = (topics: readonly string[], aside = '') => [`   │ ${topics.join(' | ')}${aside}`, '   ▼']

  const lines = ['intake', ...arrow(onTheWay(agents[0]![1].consumes))]
  for (const [at, [name, { nodes, tools, emits }]] of agents.entries()) {
    const servers = [...new Set(tools.map(tool => tool.split('.')[0]))].join(' + ')
    lines.push(`${name.padEnd(nameWidth)}${nodes.join(' → ').padEnd(stepsWidth)}${servers}`)
    const next = agents[at + 1]?.[1].consumes
    const hearers = (topic: string) => agents.slice(0, at + 1).filter(([, row]) => row.consumes.includes(topic))
    const back = onTheWay(emits).filter(topic => hearers(topic).length > 0)
    const aside = back.map(topic => `      (or ${topic} again, back to ${hearers(topic)[0]![0]})`).join('')
    lines.push(
      ...arrow(
        onTheWay(emits).filter(topic => (next ? next.includes(topic) : !back.includes(topic))),
        aside,
      ),
    )
  }
  return [...lines, `to the side: ${side.join(', ')}`].join('\n')
}

/** Topics that several agents say, or several hear, and that lead from no agent to the next. */
function sideTopics(agents: readonly (readonly [string, Row])[]): string[] {
  const steps = new Set(
    agents.slice(1).flatMap(([, { consumes }], at) => consumes.filter(topic => agents[at]![1].emits.includes(topic))),
  )
  const all = agents.flatMap(([, { consumes, emits }]) => [...emits, ...consumes])
  return [...new Set(all)].filter(topic => !steps.has(topic) && all.filter(other => other === topic).length > 1)
}
