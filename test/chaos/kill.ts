/** Kills runs of a workspace at seeded moments and lets others finish them: what comes of it must be what an unharmed run makes. */
import { cp } from 'node:fs/promises'
import { openTestWorkspace, type TestWorkspace } from '../flow/workspace.ts'
import { memoryFolder } from '../sim/memory-folder.ts'
import { type Random, seeded } from '../sim/random.ts'
import { differences, type Remains, remainsOf } from './remains.ts'
import { type Blow, tellBlow, Victims } from './victims.ts'

export interface KillReport {
  /** Blows that fell before the run was done. */
  readonly died: number
  readonly faults: readonly string[]
}

/** A workspace is finished here while the next is being killed. */
const lanes = 2

/**
 * @param template folder of a workspace with files in landing that has not run yet
 * @param say is told of every workspace that was killed and finished
 */
export async function killAtSeededPoints(
  template: string,
  kills: number,
  seed: number,
  say: (line: string) => void = () => {},
): Promise<KillReport> {
  const victims = new Victims()
  try {
    const { expected, points, ms } = await unharmed(template, victims)
    if (expected.faults.length > 0) return { died: 0, faults: expected.faults.map(fault => `unharmed: ${fault}`) }
    const rounds = drawRounds(seeded(seed), kills, points, ms)
    const faults: string[] = []
    let died = 0
    let next = 0
    const lane = async () => {
      for (let at = next++; at < rounds.length; at = next++) {
        const blows = rounds[at]!
        const { deaths, wrong } = await round(template, blows, victims, expected)
        died += deaths
        const told = `seed ${seed}, killed ${blows.map(tellBlow).join(', then ')}`
        for (const fault of wrong) faults.push(`${told}: ${fault}`)
        say(`${told}: ${wrong.length === 0 ? 'the same' : wrong.join('; ')}`)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    return { died, faults }
  } finally {
    victims.close()
  }
}

/** What an unharmed run makes, the crash points it passes, and how long it takes. */
async function unharmed(
  template: string,
  victims: Victims,
): Promise<{ expected: Remains; points: number; ms: number }> {
  const workspace = await copyOf(template)
  try {
    const end = await victims.run(workspace.dir, undefined)
    if (end.kind !== 'done') throw new Error(`an unharmed run was ${end.kind}`)
    return { expected: await workspace.with(remainsOf), points: end.places.length, ms: end.ms }
  } finally {
    await workspace.remove()
  }
}

/** One workspace, hit in turn by every blow, then finished. */
async function round(
  template: string,
  blows: readonly Blow[],
  victims: Victims,
  expected: Remains,
): Promise<{ deaths: number; wrong: string[] }> {
  const workspace = await copyOf(template)
  let deaths = 0
  try {
    for (const blow of blows) {
      const end = await victims.run(workspace.dir, blow)
      if (end.kind === 'failed') return { deaths, wrong: [end.how] }
      if (end.kind === 'killed') deaths += 1
    }
    return { deaths, wrong: differences(expected, await workspace.with(remainsOf)) }
  } catch (error) {
    return { deaths, wrong: [String(error)] }
  } finally {
    await workspace.remove()
  }
}

/** Mostly at crash points, some in the middle of anything; some of those who finish are killed too. */
function drawRounds(random: Random, kills: number, points: number, ms: number): Blow[][] {
  const rounds: Blow[][] = []
  for (let left = kills; left > 0; ) {
    const blows = Array.from({ length: left > 1 && random.chance(0.2) ? 2 : 1 }, () => drawBlow(random, points, ms))
    rounds.push(blows)
    left -= blows.length
  }
  return rounds
}

function drawBlow(random: Random, points: number, ms: number): Blow {
  return random.chance(0.7)
    ? { kind: 'point', number: 1 + random.integer(points) }
    : { kind: 'time', ms: random.next() * ms }
}

/** A workspace of its own; the caller removes it. */
export async function copyOf(
  template: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<TestWorkspace> {
  const dir = await memoryFolder('kill')
  await cp(template, dir, { recursive: true, preserveTimestamps: true })
  return openTestWorkspace(dir, environment)
}
