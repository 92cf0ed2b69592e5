/** The HTTP servers of health-check node ports: an effect. */
import { ConnectionLimit } from '@podroute/linux/connection-limit.ts'
import { listenHttp } from '@podroute/linux/http-server.ts'
import type { Listen } from './kernel.ts'

/** For all ports together: a cluster may have hundreds of them. */
const MOST_CONNECTIONS = 256

/** Listens on all addresses of a network namespace, the process's own by default. */
export function healthListener(netns?: string): Listen {
  const limit = new ConnectionLimit(MOST_CONNECTIONS)
  return (port, answer) =>
    listenHttp(
      { kind: 'tcp', address: '::', port, ...(netns === undefined ? {} : { netns }) },
      limit,
      (_request, response) => {
        const { status, headers, body } = answer()
        response.writeHead(status, headers).end(body)
      },
    )
}
