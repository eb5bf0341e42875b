/**
 * The one table of failures. Nothing else decides whether a thing is tried again.
 *
 * - `terminal`: the same call gives the same answer; it becomes a `run.failed` with owner and way out.
 * - `transient`: it may go through later; it is tried again with backoff, within the run's budget, or, where the row says that it
 *   waits, for as long as it takes.
 * - `cancelled`: somebody asked to stop (drain, abort); the work is handed back untouched.
 */
export type FailureKind = 'terminal' | 'transient' | 'cancelled'

interface FailureRow {
  readonly kind: FailureKind
  /** What failed is away and comes back: waited for as long as that takes, and no run ends for it. */
  readonly waits?: boolean
  /** What a person does about it, used when the thrower knows nothing better. */
  readonly wayOut: string
}

const t = (wayOut: string): FailureRow => ({ kind: 'terminal', wayOut })
const again = (wayOut: string): FailureRow => ({ kind: 'transient', wayOut })
const away = (wayOut: string): FailureRow => ({ kind: 'transient', wayOut, waits: true })

export const failures = {
  // files
  FILE_EMPTY: t('Ask the vendor for the file again; an empty file carries no records.'),
  FILE_HEADER_ONLY: t('Ask the vendor whether no records is what they meant; drop a file with records to go on.'),
  FILE_BINARY: t('Deliver delimited text, JSON or NDJSON, plain or gzip.'),
  FILE_FORMAT_UNKNOWN: t('Deliver delimited text, JSON or NDJSON, plain or gzip, or write the contract by hand.'),
  FILE_COMPRESSION_BROKEN: t('The archive is cut off or damaged: ask the vendor to send it again.'),
  FILE_ENCODING_BROKEN: t('Declare the encoding in the feed contract, or ask the vendor for UTF-8.'),
  FILE_UNREADABLE: t('Give the account that runs aiworkflow read permission on the file.'),
  FILE_VANISHED: t('Put the file back into landing; it is taken up on the next look.'),
  FILE_CHANGING: again('The file is still being written; it is taken up when it has stopped changing.'),
  FILE_COLUMNS_AMBIGUOUS: t(
    'Ask the vendor to give every column a name of its own, or write the contract by hand under catalog/feeds.',
  ),
  FILE_RECORD_TOO_LONG: t(
    'A record is longer than the limit in the catalog policy: check the quoting, or raise the limit.',
  ),
  PATH_OUTSIDE_ROOT: t('Move the file below the workspace root; links that lead outside are refused.'),
  PATH_UNKNOWN: t('Check the path: it does not exist.'),
  FEED_KEY_INVALID: t('Place files as landing/<vendor>/<file>, or add a pattern for them in the catalog.'),
  // contracts and catalog
  DOCUMENT_INVALID: t('Correct the document at the place named.'),
  CATALOG_MISSING: t('Create it with `aiworkflow init`, or point `metadata` in aiworkflow.yaml at a catalog.'),
  STANDARD_MISSING: t('Add the standard to the catalog.'),
  CONTRACT_MISSING: t('Let the planner propose one by delivering a file, or write one under catalog/feeds.'),
  CONTRACT_VERSION_TAKEN: t('A version never changes: write the next version.'),
  MAPPING_MISSING: t('Deliver a file so that modeling proposes a mapping, or write one under catalog/feeds.'),
  CONTRACT_BROKEN: t(
    'The delivery breaks its contract and the drift policy says refuse: mend the contract or the delivery.',
  ),
  EXPRESSION_REFUSED: t('Use one of the functions named in the message.'),
  RULE_INVALID: t('Correct the rule in the catalog.'),
  // lakehouse
  TABLE_MISSING: t('Check the table name with `aiworkflow query DIR "show tables"`.'),
  TABLE_CONFLICT: again('Another writer moved the table; the write is tried again on the new state.'),
  TABLE_INCOMPATIBLE: t('The table cannot take this change: add an optional column or a new table instead.'),
  LAKE_CATALOG_UNREACHABLE: away(
    'Look whether the Iceberg REST catalog runs and can be reached; the run goes on when it answers.',
  ),
  LAKE_CATALOG_REFUSED: t(
    'Correct `lakehouse` in aiworkflow.yaml, AIWORKFLOW_LAKE_TOKEN, or what the catalog lets this account do.',
  ),
  LAKE_STORE_UNREACHABLE: away(
    'Look whether the object store runs and can be reached; the run goes on when it answers.',
  ),
  LAKE_STORE_REFUSED: t(
    'Correct `lakehouse` in aiworkflow.yaml, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what the store lets this account do.',
  ),
  LAKE_FILE_MISSING: t('Put the file back from a backup, or go back to a snapshot that does not need it.'),
  SNAPSHOT_MISSING: t('Read a snapshot that the table still has, or leave the version away.'),
  DELIVERY_ROLLED_BACK: t(
    'The delivery was taken back. To take it in again after all: `aiworkflow runs DIR replay RUN`, with its latest run.',
  ),
  ROLLBACK_REFUSED: t(
    'The autonomy policy says `rollback: refuse`: change it there, or leave the delivery where it is.',
  ),
  ROLLBACK_STALE: t('Look at what came of the later run, and ask again if it has to go after all.'),
  BRANCH_MISSING: t('Stage the delivery again with `aiworkflow dead-letters DIR replay`.'),
  QUERY_REFUSED: t('Only one reading statement is allowed.'),
  QUERY_FAILED: t('Correct the statement.'),
  RECONCILIATION_FAILED: t('Records were lost or doubled between source and table: reload the delivery.'),
  SPARK_MISSING: t(
    'Install what is missing (scripts/parts/spark.sh does, on this machine), point `spark.home` at it, or set `engine: duckdb`.',
  ),
  SPARK_FILE_UNSEEN: t(
    'The workers of Spark have to see the workspace under the same path: put it on a volume that they share.',
  ),
  ENGINE_FAILED: again('The engine gave up on the statement; it is tried again.'),
  DISK_FULL: t('Free disk space below the workspace, then replay the run.'),
  MAINTENANCE_POLICY_MISSING: t(
    'Add catalog/policies/maintenance.yaml: `aiworkflow init` puts one there and changes nothing else.',
  ),
  // language models
  MODEL_POLICY_MISSING: t(
    'Add catalog/policies/model.yaml: `aiworkflow init` puts one there that asks little and applies nothing.',
  ),
  MODEL_PROVIDER_UNKNOWN: t('Name a provider that is there, or the base address of an OpenAI-compatible server.'),
  MODEL_KEY_MISSING: t('Give the key in the environment as AIWORKFLOW_MODEL_KEY.'),
  MODEL_BUSY: again('The provider refused for now and nothing was paid; it is asked again later.'),
  MODEL_UNREACHABLE: again('The provider could not be reached and nothing was paid; it is asked again later.'),
  MODEL_REFUSED: t('The provider takes neither this request nor the same one later: correct model, key or request.'),
  MODEL_UNANSWERED: t(
    'Nobody knows whether the call was paid for: allow another with `unknownOutcome: again` in catalog/policies/model.yaml, or let a person answer.',
  ),
  MODEL_ANSWER_INVALID: t('The model did not answer as it was asked: mend the prompt, or let a person answer.'),
  MODEL_PAUSED: t('The provider failed too often in a row; people are asked until it has rested.'),
  PROMPT_INVALID: t('Correct the prompt at the place named.'),
  WORKFLOW_UNKNOWN: t('Name a model, since only the known workflows run without one.'),
  // runtime
  MESSAGE_INVALID: t('The message fits no released schema: look at it with `aiworkflow dead-letters DIR`.'),
  MESSAGE_TOO_LARGE: t('Send data by reference.'),
  BUS_UNREACHABLE: away(
    'Look whether the brokers run and can be reached; what was under way goes on when they answer.',
  ),
  BUS_REFUSED: t('Correct `bus` and `kafka` in aiworkflow.yaml, or what the cluster allows this user.'),
  TOOL_UNKNOWN: t('Use one of the tools named in the message.'),
  TOOL_FORBIDDEN: t('Add the tool to the list of the agent if it should have it.'),
  TOOL_INPUT_INVALID: t('Call the tool with the arguments its schema names.'),
  TOOL_OUTPUT_INVALID: t('The tool answered outside of its schema: this is a fault of the tool.'),
  TOOL_UNREACHABLE: away('Look whether the tool server runs and can be reached; the run goes on when it answers.'),
  TOOL_TIMEOUT: again('The tool took longer than its time limit; the ledger is asked before it is called again.'),
  EFFECT_UNKNOWN: t('Look at the target by hand and then replay or discard the run.'),
  BUDGET_EXHAUSTED: t('Raise the budget in the catalog policy, then replay the run.'),
  LEASE_LOST: again('Another process took the thread over; it goes on there.'),
  APPROVAL_UNKNOWN: t('List what waits with `aiworkflow approvals DIR`.'),
  APPROVAL_REJECTED: t('A person rejected the decision: mend contract or mapping and replay the run.'),
  REPLAY_LIMIT: t('Mend the cause first; if it is mended, raise replays.perLetter in catalog/policies/spending.yaml.'),
  RUN_UNKNOWN: t('List the runs with `aiworkflow runs DIR`.'),
  SETTING_INVALID: t('Correct the setting in aiworkflow.yaml, the environment or the option.'),
  USAGE: t('See `aiworkflow --help`.'),
  STATE_BUSY: away('Another process holds the state store; it is tried again.'),
  DRAINING: { kind: 'cancelled', wayOut: 'The process is stopping; the run goes on when it starts again.' },
  INTERNAL: t('This is a fault of aiworkflow: report it with the trace of the run.'),
} as const satisfies Record<string, FailureRow>

export type FailureCode = keyof typeof failures

export const failureCodes = Object.keys(failures) as [FailureCode, ...FailureCode[]]

export interface FailureDetails {
  /** The way out, where the thrower knows a better one than the table. */
  readonly wayOut?: string
  /** Who is to act: a person or team named by a contract, rule or mapping. */
  readonly owner?: string
  readonly cause?: unknown
}

/** An error that answers one question: what happens next? The message says what happened and what was expected. */
export class Failure extends Error {
  readonly code: FailureCode
  readonly kind: FailureKind
  readonly waits: boolean
  readonly wayOut: string
  readonly owner: string | undefined

  constructor(code: FailureCode, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'Failure'
    this.code = code
    const row: FailureRow = failures[code]
    this.kind = row.kind
    this.waits = row.waits ?? false
    this.wayOut = details.wayOut ?? failures[code].wayOut
    this.owner = details.owner
  }
}

/** Any thrown value as a Failure; what the table does not know is INTERNAL, and terminal: an unknown fault is never retried blindly. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  if (error instanceof Error) return new Failure('INTERNAL', error.message, { cause: error })
  return new Failure('INTERNAL', String(error))
}
