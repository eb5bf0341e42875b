/**
 * A product mart in three calls: prompts instead of pipelines. Runs with a model where aiworkflow.yaml or AIWORKFLOW_MODEL names one, and
 * by the same deterministic steps as `aiworkflow run` where none does.
 */
import { fileURLToPath } from 'node:url'
import * as aif from 'aiworkflow'

const workspace = await aif.open(process.argv[2] ?? fileURLToPath(new URL('.', import.meta.url)))
const { filesystem, lakehouse, metadata, skills } = workspace
const notes = new Set<string>()
const onProgress = (progress: aif.ExecuteProgress) => {
  if (progress.kind === 'tool' && progress.outcome === 'called') console.error(`  → ${progress.tool}`)
  if (progress.kind === 'note') notes.add(progress.text)
}

try {
  const file_scan = await aif.execute({
    workflowId: 'discover_vendor_feeds',
    prompt: await workspace.prompt('discover_vendor_feeds'),
    tools: filesystem.getCallableTools(),
    onProgress,
    workspace,
  })
  console.log(`${file_scan.response.files.length} files, ${file_scan.response.errors.length} that cannot be read`)

  const bronze = await aif.execute({
    workflowId: 'build_bronze_layer',
    prompt: await workspace.prompt('build_bronze_layer'),
    tools: [...lakehouse.getCallableTools(), ...skills.getCallableTools()],
    input: { file_scan },
    onProgress,
    workspace,
  })
  for (const { table, rows, rowsInError } of bronze.response.tables)
    console.log(`${table}: ${rows} rows, ${rowsInError} records in error`)

  const core = await aif.execute({
    workflowId: 'build_product_core',
    prompt: await workspace.prompt('build_product_core'),
    tools: [...lakehouse.getCallableTools(), ...metadata.getCallableTools(), ...skills.getCallableTools()],
    input: { bronze },
    onProgress,
    workspace,
  })
  const { table, rows, published, refused, waiting } = core.response
  console.log(
    `${table}: ${rows} rows; ${published.length} published, ${refused.length} refused, ${waiting.length} waiting`,
  )

  for (const note of notes) console.error(note)
  for (const { workflowId, runId, by, usage } of [file_scan, bronze, core]) {
    const spent =
      by === 'model' ? `${usage.calls} model calls, ${usage.tokens} tokens, ${usage.costMicros / 1e6} USD` : by
    console.error(`${workflowId}: ${spent}; aiworkflow trace ${runId}`)
  }
} finally {
  await workspace.close()
}
