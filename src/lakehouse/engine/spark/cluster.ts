/** Where Spark is and how it opens the lakehouse: all that a tool needs to send it a program. */
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Sizing } from '../../../../contracts/data/sizing.ts'
import { Failure } from '../../../../contracts/failures.ts'
import { type SparkPlace, sparkConfiguration } from '../../../compiler/spark-configuration.ts'
import { catalogConfiguration, type SparkCatalog } from './catalog-configuration.ts'
import { type SparkRun, submitSpark } from './submit.ts'

/** Spark shows it among the settings of the job; of a kind that a session may set, too. */
const traceProperty = 'spark.sql.aiworkflow.traceparent'

export interface SparkOptions {
  /** `local[*]`, `spark://host:7077`, `k8s://https://host:443`, `yarn`, or `sc://host:15002` for Spark Connect. */
  readonly master: string
  /** A folder with `bin/spark-submit`, and perhaps `jars/` to give to it; undefined: the `spark-submit` on PATH. */
  readonly home: string | undefined
  readonly catalog: SparkCatalog
}

export interface SparkCluster {
  readonly catalog: string
  /** What a job of that size is submitted with, but for secrets. */
  configuration(sizing: Sizing | undefined): Readonly<Record<string, string>>
  submit(job: SparkJob): Promise<void>
}

export interface SparkJob
  extends Pick<SparkRun, 'programFile' | 'arguments' | 'scratchDir' | 'mark' | 'signal' | 'onEvent'> {
  readonly sizing: Sizing | undefined
  /** Of the span that the job runs below: Spark shows it beside the job, and the program finds it in its environment. */
  readonly traceparent: string | undefined
}

export function sparkCluster({ master, home, catalog }: SparkOptions): SparkCluster {
  // Looked for when they are needed: whoever has no large delivery needs no Spark.
  const installation = () => (home === undefined ? undefined : installationAt(home))
  const opened = () => catalogConfiguration({ ...catalog, warehouseDir: realpathSync(catalog.warehouseDir) })
  const configured = (sizing: Sizing | undefined, installed: Installation | undefined): Record<string, string> => {
    const all = {
      'spark.master': master,
      'spark.submit.deployMode': 'client',
      ...(installed && installed.jars.length > 0 && { 'spark.jars': installed.jars.join(',') }),
      'spark.ui.enabled': 'false',
      ...opened().open,
      ...(sizing && sparkConfiguration(sizing, placeOf(master))),
    }
    // A session of a server that runs has its jars, and chooses nothing but what its statements mean.
    const ofSession = ([key]: [string, string]) => key.startsWith('spark.sql.') && key !== 'spark.sql.extensions'
    return master.startsWith('sc:') ? Object.fromEntries(Object.entries(all).filter(ofSession)) : all
  }
  return {
    catalog: catalog.name,
    configuration: sizing => configured(sizing, installation()),
    submit: async ({ sizing, traceparent, ...job }) => {
      const installed = installation()
      await submitSpark(
        {
          submit: installed?.submit ?? 'spark-submit',
          python: installed === undefined ? 'python3' : join(installed.bin, 'python3'),
          environment: environmentOf(installed, traceparent),
        },
        {
          ...job,
          master,
          configuration: {
            ...configured(sizing, installed),
            ...opened().secret,
            ...(traceparent !== undefined && { [traceProperty]: traceparent }),
          },
        },
      )
    },
  }
}

interface Installation {
  readonly submit: string
  readonly bin: string
  readonly jars: readonly string[]
}

/** @throws Failure SPARK_MISSING */
function installationAt(home: string): Installation {
  const bin = [join(home, 'bin'), join(home, 'venv', 'bin')].find(folder => existsSync(join(folder, 'spark-submit')))
  if (bin === undefined) throw new Failure('SPARK_MISSING', `There is no spark-submit in ${home}/bin.`)
  // What stands beside an environment of Python; a whole Spark has its own jars there, and needs none named.
  const jars = bin.endsWith(join('venv', 'bin')) ? join(home, 'jars') : undefined
  const names = jars !== undefined && existsSync(jars) ? readdirSync(jars).filter(name => name.endsWith('.jar')) : []
  return { bin, submit: join(bin, 'spark-submit'), jars: names.sort().map(name => join(jars!, name)) }
}

/** `spark-submit` looks for Python, and for itself, on the path. */
const environmentOf = (installed: Installation | undefined, traceparent: string | undefined) => ({
  ...(installed && { PATH: `${installed.bin}:${process.env['PATH'] ?? ''}` }),
  ...(traceparent !== undefined && { TRACEPARENT: traceparent }),
})

function placeOf(master: string): SparkPlace {
  if (master.startsWith('sc:')) return { kind: 'connect' }
  if (master.startsWith('k8s:')) return { kind: 'kubernetes' }
  return { kind: master.startsWith('local') ? 'local' : 'standalone' }
}
