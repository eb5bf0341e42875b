/**
 * What is not for files, command lines, spans or logs: it comes from the environment and goes straight to the adapter that needs it.
 */
const names = {
  /** Of the user that `kafka.sasl` names. */
  kafkaPassword: 'AIWORKFLOW_KAFKA_PASSWORD',
  /** Instead of one in the address of `state`. */
  redisPassword: 'AIWORKFLOW_REDIS_PASSWORD',
  /** What tool servers check tokens by; made and kept in the workspace where it is not given. */
  toolsSecret: 'AIWORKFLOW_TOOLS_SECRET',
  /** With which an agent calls tool servers; derived from the secret where it is not given. */
  toolsToken: 'AIWORKFLOW_TOOLS_TOKEN',
  /** Sent to the Iceberg REST catalog. */
  lakeToken: 'AIWORKFLOW_LAKE_TOKEN',
  /** With which the object store of `lakehouse.warehouse` is asked. */
  storeAccessKey: 'AWS_ACCESS_KEY_ID',
  storeSecretKey: 'AWS_SECRET_ACCESS_KEY',
  /** Of keys that hold for a while. */
  storeSessionToken: 'AWS_SESSION_TOKEN',
  /** Of the provider that `model` names; OPENAI_API_KEY will do where that is openai. */
  modelKey: 'AIWORKFLOW_MODEL_KEY',
} as const

export type Secrets = { readonly [Name in keyof typeof names | 'openAiKey']?: string }

export const secretNames: readonly string[] = Object.values(names)

export function readSecrets(environment: Readonly<Record<string, string | undefined>>): Secrets {
  const given = Object.entries(names).flatMap(([secret, name]) => {
    const value = environment[name]
    return value === undefined || value === '' ? [] : [[secret, value] as const]
  })
  const openAiKey = environment['OPENAI_API_KEY']
  return { ...(openAiKey && { openAiKey }), ...Object.fromEntries(given) }
}
