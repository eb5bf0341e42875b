import { stringify } from 'yaml'
import { z } from 'zod'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { asFailure } from '../../contracts/failures.ts'
import { contractFromOdcs, contractToOdcs } from '../compiler/odcs.ts'
import { parseDocument } from './document.ts'

/** A feed contract as Open Data Contract Standard YAML. */
export const contractText = (contract: FeedContract): string => stringify(contractToOdcs(contract), { lineWidth: 120 })

/** @throws Failure DOCUMENT_INVALID as `parseDocument`, with the line of the column at fault where it is one's. */
export const parseContract = (text: string, name: string): FeedContract => parseDocument(OdcsFile, text, name)

const OdcsFile = z.unknown().transform((document, context): FeedContract => {
  try {
    return contractFromOdcs(document)
  } catch (error) {
    const { message } = asFailure(error)
    context.addIssue({ code: 'custom', path: columnPath(message), message })
    return z.NEVER
  }
})

/** The converter speaks of a contract's columns by number; in the file they are the properties of the schema. */
function columnPath(message: string): (string | number)[] {
  const column = /\b(?:columns\.|schema\[0\]\.properties\[)(\d+)/.exec(message)?.[1]
  return column === undefined ? [] : ['schema', 0, 'properties', Number(column)]
}
