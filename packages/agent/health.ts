/** Health pages. Liveness is apart from readiness: an agent that waits for its Node is alive. */
import { type Condition, isReady } from '@podroute/feature/condition.ts'
import { type Handler, text } from '@podroute/feature/listener.ts'

export interface HealthSource {
  conditions(): readonly Condition[]
}

/** `/livez`: this process answers. `/readyz` and `/healthz`: the node has its network; the body says what is missing. */
export function healthPages(source: HealthSource): Handler {
  return (path) => {
    switch (path) {
      case '/livez':
        return text('ok\n')
      case '/readyz':
      case '/healthz': {
        const conditions = source.conditions()
        return text(healthText(conditions), isReady(conditions) ? 200 : 503)
      }
      default:
        return undefined
    }
  }
}

/** In the form of the API server's own pages. */
function healthText(conditions: readonly Condition[]): string {
  const lines = conditions.map(({ name, ok, detail }) => (ok ? `[+]${name} ok` : `[-]${name} ${detail}`))
  return `${lines.join('\n')}\n${isReady(conditions) ? 'ok' : 'not ready'}\n`
}
