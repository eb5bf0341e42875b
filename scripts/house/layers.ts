import { posix } from 'node:path'
import type { Finding, HouseFile } from './finding.ts'
import { importsOf } from './source.ts'

/** Imports go one way: contracts ← bus ← src ← agents. A layer may use itself and those before it. */
const layers = ['contracts', 'bus', 'src', 'agents'] as const
type Layer = (typeof layers)[number]

const layerOf = (path: string): Layer | undefined => layers.find(layer => path.startsWith(`${layer}/`))

/** The only place that wires agents to adapters, and so the only one in src that may import agents. */
const composer = 'src/cli/'
/** The public API names what the composer makes. */
const publicApi = 'src/index.ts'
const kafkaHome = 'bus/kafka.ts'
const agentFolder = /^agents\/([^/]+)\//

/** Every import of a product file that points the wrong way. Tests, benches and scripts may import anything. */
export function checkImports(file: HouseFile): Finding[] {
  const layer = layerOf(file.path)
  if (!layer) return []
  return importsOf(file.source).flatMap(({ specifier, offset }) => {
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : undefined
    const fault =
      target === undefined ? packageFault(file.path, layer, specifier) : moduleFault(file.path, layer, target)
    return fault ? [{ path: file.path, offset, message: `imports ${target ?? specifier}: ${fault}` }] : []
  })
}

function packageFault(path: string, layer: Layer, specifier: string): string | undefined {
  if (layer === 'contracts' && !/^zod(\/|$)/.test(specifier)) {
    return 'contracts say what is said and use zod only; put I/O and helpers into src'
  }
  if (/^kafkajs(\/|$)/.test(specifier) && path !== kafkaHome)
    return `only ${kafkaHome} knows kafkajs; use the Bus of bus/bus.ts`
  return undefined
}

function moduleFault(path: string, layer: Layer, target: string): string | undefined {
  const aimed = layerOf(target)
  if (!aimed) return 'the product stands without tests, benches, scripts and examples; move what it needs into src'
  if (target.startsWith(composer) && !path.startsWith(composer) && path !== publicApi) {
    return 'src/cli composes and nothing builds on it; move what is shared into a room of its own'
  }
  const agent = agentFolder.exec(path)?.[1]
  const otherAgent = agentFolder.exec(target)?.[1]
  if (agent && otherAgent && agent !== otherAgent) {
    return 'an agent never imports another; they talk over topics of contracts/chain.ts, and what they share lives in src'
  }
  if (layers.indexOf(aimed) <= layers.indexOf(layer) || (aimed === 'agents' && path.startsWith(composer)))
    return undefined
  const way = layers.slice(0, layers.indexOf(layer) + 1).join(', ')
  return `${layer} may import ${way} only; pass it in as an interface, and let src/cli wire it`
}
