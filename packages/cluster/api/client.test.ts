import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { expect } from 'chai'
import { type ApiClient, createApiClient } from './client.ts'

/** Key and certificate, one after the other. */
function selfSigned(): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '-']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  return execFileSync('openssl', ['req', '-x509', '-days', '1', ...key, ...name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

describe('the client of the API server', () => {
  const never = new AbortController().signal
  let server: Server
  let client: ApiClient
  let connections = 0

  before(async () => {
    const pem = selfSigned()
    server = createServer({ key: pem, cert: pem }, (incoming, response) =>
      response.end(`{"path":"${incoming.url}"}`),
    )
    server.on('secureConnection', () => connections++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const config = new KubeConfig()
    config.loadFromClusterAndUser(
      {
        name: 'c',
        server: `https://127.0.0.1:${port}`,
        caData: Buffer.from(pem).toString('base64'),
      } as never,
      { name: 'u' },
    )
    client = createApiClient(config)
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  it('reads all pages of a list over one connection', async () => {
    for (const page of ['1', '2', '3']) {
      expect(await client.getJson('/pages', { page }, never)).to.deep.equal({ path: `/pages?page=${page}` })
    }
    expect(connections).to.equal(1)
  })
})
