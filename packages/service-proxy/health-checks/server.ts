/** The HTTP servers of health-check node ports: an effect. */
import { createServer } from 'node:http'
import { withNetns } from '@podroute/linux/netns.ts'
import type { Listen } from '../kernel/kernel.ts'

/** Listens on all addresses of a network namespace, the process's own by default. */
export function healthListener(netns?: string): Listen {
  return async (port, answer) => {
    const server = createServer((request, response) => {
      request.resume()
      const { status, headers, body } = answer()
      response.writeHead(status, headers).end(body)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Without a host the socket is opened before `listen` returns, and so in that namespace.
      const listen = () => void server.listen(port, resolve)
      if (netns === undefined) listen()
      else withNetns(netns, listen)
    })
    return {
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  }
}
