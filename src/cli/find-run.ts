import { basename } from 'node:path'
import { Failure } from '../../contracts/failures.ts'
import { nearest } from '../catalog/nearest.ts'
import type { RunRecords, RunView } from '../runtime/run-records.ts'

/** The run that somebody means by its id, its trace, its delivery or its file; the latest where several fit. @throws Failure RUN_UNKNOWN */
export async function findRun(runs: Pick<RunRecords, 'all'>, name: string): Promise<RunView> {
  const all = await runs.all()
  const found = all.findLast(view => namesOf(view).includes(name))
  if (found) return found
  const meant = nearest(name, all.flatMap(namesOf))
  throw new Failure(
    'RUN_UNKNOWN',
    `No run, delivery, trace or file is called ${name}${meant ? `; did you mean ${meant}?` : '.'}`,
  )
}

const namesOf = ({ run, delivery }: RunView): string[] => [
  run.id,
  run.traceId,
  delivery.id,
  delivery.file,
  basename(delivery.file),
]
