import fc from 'fast-check'
import { expect, test } from 'vitest'
import { orphans } from '../../src/telemetry/index.ts'
import { spanForest, spanTree } from './forest.ts'
import { span, traceId } from './support.ts'

test('any tree has no fault, and loses that when any span but a leaf is taken away', () => {
  fc.assert(
    fc.property(spanTree, fc.nat(), (tree, choice) => {
      expect(orphans(tree)).toEqual([])
      const taken = tree[choice % tree.length]
      const left = tree.filter(one => one !== taken)
      const isLeaf = !tree.some(one => one.parentSpanId === taken?.spanId)
      expect(orphans(left).length === 0).toBe(isLeaf)
    }),
  )
})

test('each fault is named', () => {
  expect(orphans([])).toEqual([])
  expect(orphans([span('a', 'gone')])).toEqual([
    { kind: 'root-missing', traceId },
    { kind: 'parent-missing', traceId, spanId: 'a', parentSpanId: 'gone' },
  ])
  expect(orphans([span('a'), span('b')])).toEqual([{ kind: 'roots-several', traceId, spanIds: ['a', 'b'] }])
  expect(orphans([span('a'), span('b', 'c'), span('c', 'b')])).toEqual([
    { kind: 'unreachable', traceId, spanId: 'b' },
    { kind: 'unreachable', traceId, spanId: 'c' },
  ])
})

test('traces are judged apart: a parent in another trace is no parent', () => {
  const other = 'b'.repeat(32)
  expect(orphans([span('a'), span('b', undefined, { traceId: other })])).toEqual([])
  expect(orphans([span('a'), span('r', undefined, { traceId: other }), span('b', 'a', { traceId: other })])).toEqual([
    { kind: 'parent-missing', traceId: other, spanId: 'b', parentSpanId: 'a' },
  ])
})

test('any forest ends, and says the same whatever the order of its spans', () => {
  fc.assert(
    fc.property(spanForest, spans => {
      const said = (list: typeof spans) =>
        orphans(list)
          .map(fault => JSON.stringify({ ...fault, spanIds: undefined }))
          .sort()
      expect(said([...spans].reverse())).toEqual(said(spans))
    }),
  )
})
