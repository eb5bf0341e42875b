/** A batch of questions fits what policy grants, and leaves out as little as it can. */
import { AIMessage } from '@langchain/core/messages'
import { describe, expect, test } from 'vitest'
import type { ModelQuestion } from '../../contracts/data/model.ts'
import { maskBy } from '../../src/model/mask.ts'
import type { Asked } from '../../src/model/model.ts'
import { tokensAtMost } from '../../src/model/price.ts'
import { consult } from '../../src/model/questions.ts'
import { modelPolicy } from './world.ts'

const question = (id: string, options: number): ModelQuestion => ({
  id,
  kind: 'mapping',
  text: `Which column is ${id}?`,
  options: Array.from({ length: options }, (_, index) => ({
    answer: `${id}_${index}`,
    text: `Column ${index} of a vendor`,
    samples: ['some value', 'another value', 'a third value'],
  })),
})

async function asked(questions: readonly ModelQuestion[]) {
  const policy = modelPolicy()
  const sent: Asked[] = []
  await consult(questions, {
    ask: async request => {
      sent.push(request)
      return { message: new AIMessage('{"answers":[]}'), costMicros: 0, answerDigest: 'sha256:0' } as never
    },
    model: 'test:small',
    policy,
    mask: maskBy(policy),
    prompt: { text: 'Answer.', template: 'answer v1' },
    spender: { runId: 'r_1', feed: 'acme/items' } as never,
  })
  const text = sent.map(({ request }) => request.messages.map(each => each.text).join('\n')).join('\n')
  const data = /<data name="questions">(.*)<\/data>/.exec(text)?.[1] ?? '{"questions":[]}'
  return { tokens: tokensAtMost(text), questions: JSON.parse(data).questions as { id: string; options: string[] }[] }
}

describe('a batch', () => {
  test('has a question of many columns without their values, and of too many its likeliest', async () => {
    const { questions, tokens } = await asked([question('price', 60), question('stock', 3)])
    expect(tokens).toBeLessThanOrEqual(3_000)
    expect(questions.map(({ id }) => id)).toEqual(['price', 'stock'])
    expect(questions[0]?.options.length).toBeGreaterThanOrEqual(30)
    const many = await asked([question('price', 2_000)])
    expect(many.questions[0]?.options).toContain('price_0')
    expect(many.questions[0]?.options).not.toContain('price_1999')
  })

  test('goes on behind a question that does not fit at all', async () => {
    const long = question('title'.repeat(1_000), 4)
    expect((await asked([long, question('stock', 3)])).questions.map(({ id }) => id)).toEqual(['stock'])
  })
})
