/** LangGraph's own suite for checkpoint savers, whole. It needs vitest's globals. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deltaChannelHistoryTests, validate } from '@langchain/langgraph-checkpoint-validation'
import { StateCheckpointer } from '../../src/state/checkpointer.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'

const opened = new Map<StateCheckpointer, { folder: string; store: SqliteStateStore }>()

const initializer = {
  checkpointerName: 'StateCheckpointer on sqlite',
  createCheckpointer() {
    const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-state-'))
    const store = new SqliteStateStore({ path: join(folder, 'state.db') })
    const checkpointer = new StateCheckpointer(store)
    opened.set(checkpointer, { folder, store })
    return checkpointer
  },
  async destroyCheckpointer(checkpointer: StateCheckpointer) {
    const { folder, store } = opened.get(checkpointer)!
    opened.delete(checkpointer)
    await store.close()
    rmSync(folder, { recursive: true })
  },
}

validate(initializer)
deltaChannelHistoryTests(initializer)
