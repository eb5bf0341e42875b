import { join } from 'node:path'
import { maskBy } from '../model/mask.ts'
import { consult } from '../model/questions.ts'
import type { Consult } from '../runtime/define-agent.ts'
import { promptReference, readPrompt } from '../workflow/prompt-file.ts'
import type { Workspace } from './workspace.ts'

/** The prompt of `prompts/` that stands before the questions of the chain. */
const promptName = 'answer_questions'

/**
 * How the agents of a workspace ask its language model; undefined where the settings name none.
 * @throws Failure MODEL_PROVIDER_UNKNOWN, MODEL_KEY_MISSING; when asked, MODEL_POLICY_MISSING and PROMPT_INVALID.
 */
export function consultOf({ dir, catalog, model: modelNamed }: Workspace): Consult | undefined {
  const model = modelNamed()
  if (model === undefined) return undefined
  return async (questions, spender) => {
    const { model: policy } = await catalog.policies()
    if (policy === undefined || questions.length === 0) return undefined
    const file = await readPrompt(join(dir, 'prompts'), promptName)
    const prompt = { text: file.text, template: promptReference(file) }
    return consult(questions, {
      ask: asked => model.ask(asked),
      model: model.id,
      policy,
      mask: maskBy(policy),
      prompt,
      spender,
    })
  }
}
