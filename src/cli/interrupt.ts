/**
 * A signal that is aborted when somebody asks the process to stop (SIGINT, SIGTERM), so that running work is handed back whole.
 * Whoever asks twice means it: the second time the process ends at once, as after any crash.
 */
export function stopSignal(onStop: () => void): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      // `once` has taken our listener away, so the next signal of this kind has its default effect.
      onStop()
      controller.abort()
    })
  }
  return controller.signal
}
