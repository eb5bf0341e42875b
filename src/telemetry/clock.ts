import type { HrTime } from '@opentelemetry/api'

/** How far the fine clock may stray from the wall clock before it is set anew, and how far back it may be set. */
const strayLimitUs = 2_000

/**
 * Times of spans and of what happens in them, in microseconds since 1970 as the SDK takes them. Of two readings in one process
 * the later one is later: the SDK's own starts of spans are whole milliseconds, in which a span that follows another seems to
 * begin before that one ends. A wall clock that is set while the process runs is followed.
 */
export function spanClock(wallMs = Date.now, elapsedMs = () => performance.now()): () => HrTime {
  let anchorUs = Number.NEGATIVE_INFINITY
  let anchorMs = 0
  let lastUs = Number.NEGATIVE_INFINITY
  return () => {
    const wallUs = wallMs() * 1_000
    const elapsed = elapsedMs()
    let us = Math.round(anchorUs + (elapsed - anchorMs) * 1_000)
    if (!(Math.abs(us - wallUs) <= strayLimitUs)) {
      anchorUs = wallUs
      anchorMs = elapsed
      us = wallUs
    }
    if (us <= lastUs && lastUs - us <= 2 * strayLimitUs) us = lastUs + 1
    lastUs = us
    return [Math.floor(us / 1e6), (us % 1e6) * 1e3]
  }
}
