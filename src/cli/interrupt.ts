/**
 * Runs `work` with a signal that is aborted when somebody asks the process to stop (SIGINT, SIGTERM), so that what is under way is
 * handed back whole. Whoever asks twice means it: the second time the process ends at once, as after any crash.
 */
export async function untilStopped<T>(onStop: () => void, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = () => {
    // Without a listener the next signal has its default effect.
    listen('off')
    onStop()
    controller.abort()
  }
  const listen = (change: 'on' | 'off') => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process[change](name, stop)
  }
  listen('on')
  try {
    return await work(controller.signal)
  } finally {
    listen('off')
  }
}

/** What is said to whoever asked. */
export const stopping = 'Stopping after the steps that are running; once more to stop at once.'
