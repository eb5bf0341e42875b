/** What a Spark that gave up said, as people read it. */
import { describe, expect, test } from 'vitest'
import { catalogConfiguration, propertiesText } from '../../src/lakehouse/engine/spark/catalog-configuration.ts'
import { sparkCluster } from '../../src/lakehouse/engine/spark/cluster.ts'
import { eventOf } from '../../src/lakehouse/engine/spark/events.ts'
import { sparkFailure } from '../../src/lakehouse/engine/spark/failure.ts'

const ended = (said: string, exitCode: number | null = 1, signal: string | null = null) =>
  sparkFailure({ said, exitCode, signal })

describe('a Spark that gave up', () => {
  test.each([
    ['bin/java: No such file or directory', 'SPARK_MISSING', 'no Java'],
    ['java.lang.UnsupportedClassVersionError: org/apache/spark', 'SPARK_MISSING', 'Java is too old'],
    ['Cannot run program "python3": error=2', 'SPARK_MISSING', 'Python'],
    ['java.lang.ClassNotFoundException: org.apache.iceberg.spark.SparkCatalog', 'SPARK_MISSING', 'Iceberg runtime'],
    ["java.lang.NoSuchMethodError: 'void org.apache.iceberg.Table'", 'SPARK_MISSING', 'versions'],
    ['java.io.IOException: No space left on device', 'DISK_FULL', 'No room'],
    ['AnalysisException: [PATH_NOT_FOUND] Path does not exist: file:/x', 'SPARK_FILE_UNSEEN', 'does not see'],
    ['AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table', 'TABLE_MISSING', 'no such table'],
    ['org.apache.iceberg.exceptions.CommitFailedException: Cannot commit', 'TABLE_CONFLICT', 'could not commit'],
    ['org.apache.iceberg.exceptions.ServiceFailureException: Server error: 500', 'ENGINE_FAILED', 'could not reach'],
    ['java.lang.OutOfMemoryError: Java heap space', 'ENGINE_FAILED', 'memory'],
    ['pyspark.errors.ParseException: near x', 'QUERY_FAILED', 'refused'],
  ])('%s', (said, code, message) => {
    const failure = ended(`26/11/27 14:00:00 INFO SparkContext: Running\nTraceback (most recent call last):\n${said}\n`)
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) })
    expect(failure.message).toContain(said.replace(/^.*?: /, '').slice(0, 20))
  })

  test('that was killed is tried again; anything else as well, with its last words', () => {
    expect(ended('', null, 'SIGKILL')).toMatchObject({ code: 'ENGINE_FAILED', kind: 'transient' })
    expect(ended('ERROR YarnScheduler: lost', 137).message).toContain('killed (exit 137)')
    expect(ended('Traceback\nCaused by: java.lang.RuntimeException: the disk is tired\n  at x.y\n').message).toBe(
      'Spark gave up (exit 1): java.lang.RuntimeException: the disk is tired',
    )
  })
})

test('what a program says is taken at its word; what others say there is nothing', () => {
  expect(eventOf('aiworkflow {"event": "done", "counts": {"read": 2, "rejected": 0}}', 'aiworkflow ')).toEqual({
    event: 'done',
    counts: { read: 2, rejected: 0 },
  })
  expect(eventOf('26/11/27 INFO aiworkflow {', 'aiworkflow ')).toBeUndefined()
  expect(() => eventOf('aiworkflow {"event": "done", "counts": {"read": -2}}', 'aiworkflow ')).toThrow(/does not say/)
})

describe('what Spark is given', () => {
  const rest = { url: 'http://127.0.0.1:1/', warehouse: 'shop', token: 'secret-token' }

  test('secrets stand apart from what is kept with the run', () => {
    const { open, secret } = catalogConfiguration({ name: 'aiworkflow', warehouseDir: '/w', rest })
    expect(JSON.stringify(open)).not.toContain('secret-token')
    expect(secret).toEqual({ 'spark.sql.catalog.aiworkflow.token': 'secret-token' })
    expect(propertiesText(open)).toContain('spark.sql.catalog.aiworkflow.uri http://127.0.0.1:1/\n')
  })

  test('a session of Spark Connect is given only what a session may set', () => {
    const catalog = { name: 'aiworkflow', warehouseDir: '/tmp', rest }
    const given = sparkCluster({ master: 'sc://h:15002', home: undefined, catalog }).configuration(undefined)
    expect(Object.keys(given).every(key => key.startsWith('spark.sql.catalog.aiworkflow'))).toBe(true)
    const submitted = sparkCluster({ master: 'local[2]', home: undefined, catalog }).configuration(undefined)
    expect(submitted).toMatchObject({ 'spark.master': 'local[2]', 'spark.submit.deployMode': 'client' })
  })
})
