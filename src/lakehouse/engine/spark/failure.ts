/** What a Spark that did not finish said → a Failure: the reason in its own words, and whether another try may help. Pure. */
import { Failure, type FailureCode } from '../../../../contracts/failures.ts'

export interface SparkEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** The last of what it wrote on stderr. */
  readonly said: string
}

interface Known {
  readonly pattern: RegExp
  readonly code: FailureCode
  readonly what: string
}

const known: readonly Known[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/i,
    code: 'DISK_FULL',
    what: 'No room is left on a disk of Spark',
  },
  {
    pattern:
      /JAVA_HOME is not set|JAVA_HOME.*(No such|not (a|found))|java: (command )?not found|Unable to locate a Java|exec: .*java: (not found|cannot)|bin\/java: No such file/i,
    code: 'SPARK_MISSING',
    what: 'There is no Java: Spark 4.1 needs 17 or newer',
  },
  {
    pattern: /UnsupportedClassVersionError|Unrecognized option: --add-opens|Unrecognized VM option/,
    code: 'SPARK_MISSING',
    what: 'Java is too old: Spark 4.1 needs 17 or newer',
  },
  {
    pattern:
      /Cannot run program "[^"]*python|python[\d.]*: (command )?not found|env: .*python|Python worker failed to connect back/i,
    code: 'SPARK_MISSING',
    what: 'Spark finds no Python 3.10 or newer',
  },
  {
    pattern:
      /(ClassNotFoundException|NoClassDefFoundError|Cannot find catalog plugin class)[^\n]*iceberg|No suitable driver/i,
    code: 'SPARK_MISSING',
    what: 'Spark lacks the Iceberg runtime, or the driver of the catalog',
  },
  {
    pattern:
      /NoSuchMethodError|AbstractMethodError|IncompatibleClassChangeError|PYTHON_VERSION_MISMATCH|No module named 'pyspark|cannot import name '\w+' from 'pyspark/,
    code: 'SPARK_MISSING',
    what: 'The versions of Spark and what it was given do not fit: Spark 4.1 and Iceberg runtime 4.1_2.13 are wanted',
  },
  {
    pattern: /PATH_NOT_FOUND|java\.io\.FileNotFoundException: File file:/,
    code: 'SPARK_FILE_UNSEEN',
    what: 'Spark does not see the file',
  },
  { pattern: /TABLE_OR_VIEW_NOT_FOUND|NoSuchTableException/, code: 'TABLE_MISSING', what: 'Spark finds no such table' },
  {
    pattern: /CommitFailedException|CommitStateUnknownException/,
    code: 'TABLE_CONFLICT',
    what: 'Spark could not commit',
  },
  {
    pattern: /ServiceFailureException|UnknownHostException|ConnectException|Connection refused/,
    code: 'ENGINE_FAILED',
    what: 'Spark could not reach what it needs',
  },
  {
    pattern: /OutOfMemoryError|Container killed|OOMKilled|exceeded memory/i,
    code: 'ENGINE_FAILED',
    what: 'Spark ran out of memory',
  },
  {
    pattern: /AnalysisException|ParseException|PARSE_SYNTAX_ERROR|IllegalArgumentException|SyntaxError/,
    code: 'QUERY_FAILED',
    what: 'Spark refused the program',
  },
]

/** Signals by which a cluster or a person ends a job. */
const killed: readonly (number | string)[] = ['SIGKILL', 'SIGTERM', 137, 143]

export function sparkFailure({ exitCode, signal, said }: SparkEnd): Failure {
  const found = known.find(({ pattern }) => pattern.test(said))
  const reason = reasonOf(said)
  const behind = reason === '' ? '' : `: ${reason}`
  if (found !== undefined) return new Failure(found.code, `${found.what}${behind}`)
  if (killed.includes(signal ?? exitCode ?? '')) {
    return new Failure('ENGINE_FAILED', `The Spark job was killed (${signal ?? `exit ${exitCode}`})${behind}`)
  }
  return new Failure('ENGINE_FAILED', `Spark gave up (exit ${exitCode ?? signal})${behind}`)
}

const longestReason = 600

/** The innermost cause that Java or Python names, else the last line that is no log line. */
function reasonOf(said: string): string {
  const lines = said.split('\n').map(line => line.trim())
  const causes = lines.filter(line =>
    /^(Caused by: |[\w.]+(Error|Exception)(: |$)|: [\w.]+(Error|Exception))/.test(line),
  )
  const plain = lines.filter(
    line => line !== '' && !/^(at |\d\d\/\d\d\/\d\d |Traceback|File "|\^+$|\.\.\. \d+ more|WARNING: )/.test(line),
  )
  const reason = causes.at(-1) ?? plain.at(-1) ?? ''
  return reason.replace(/^(Caused by|): /, '').slice(0, longestReason)
}
