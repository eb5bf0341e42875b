import type { TableRef } from '../../../contracts/data/load-plan.ts'
import type { Standard } from '../../../contracts/data/standard.ts'

export const coreNamespace = 'product_core'

/** The core table of a standard. */
export const coreTableRef = (standard: Pick<Standard, 'name'>): TableRef => ({
  namespace: coreNamespace,
  name: standard.name,
})

/** The branch a run stages core on; one per run, so that runs never meet before they publish. */
export const stageBranch = (runId: string): string => `stage_${runId}`

/** The branch a job of another engine loads to, in the raw table and the error table. */
export const loadBranch = (runId: string): string => `load_${runId}`

/** The key under which the errors of a write are committed, just before it. */
export const errorsKey = (writeKey: string): string => `${writeKey}:errors`
