import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { expect } from 'chai'
import { type ApiStatusError, ConflictError } from '../errors.ts'
import { type ApiClient, createApiClient } from './client.ts'
import { onlyVersion, type Patch } from './patch.ts'

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
  /** What the server was asked, and what it says next instead of repeating the path. */
  const asked: string[] = []
  let refusal: { readonly status: number; readonly body: string } | undefined
  const answer: RequestListener = async (incoming, response) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    asked.push(
      [incoming.method, incoming.url, incoming.headers['content-type'], body].filter(Boolean).join(' '),
    )
    response.statusCode = refusal?.status ?? 200
    response.end(refusal?.body ?? `{"path":"${incoming.url}"}`)
    refusal = undefined
  }
  const refused = async (status: number, body: string) => {
    refusal = { status, body }
    return client.putJson('/things/a', {}, never).then(
      () => expect.fail('it was taken'),
      (error: unknown) => error as ApiStatusError,
    )
  }

  let pem = ''
  /** Clients of one of these share their connections. */
  const config = () => {
    const { port } = server.address() as AddressInfo
    const made = new KubeConfig()
    made.loadFromClusterAndUser(
      {
        name: 'c',
        server: `https://127.0.0.1:${port}`,
        caData: Buffer.from(pem).toString('base64'),
      } as never,
      { name: 'u' },
    )
    return made
  }

  before(async () => {
    pem = selfSigned()
    server = createServer({ key: pem, cert: pem, keepAliveTimeout: 60_000 }, answer)
    server.on('secureConnection', () => connections++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    client = createApiClient(config())
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

  it('keeps no idle connection once it is released, and answers still', async () => {
    const closed = () =>
      new Promise((resolve) => server.once('secureConnection', (socket) => socket.once('close', resolve)))
    const other = createApiClient(config())
    const idle = closed()
    await other.getJson('/a', {}, never)
    other.release()
    await idle
    const answered = closed()
    expect(await other.getJson('/b', {}, never)).to.deep.equal({ path: '/b' })
    await answered
  })

  it('creates, replaces, changes and deletes', async () => {
    const fields = { metadata: { labels: { a: 'b' } } }
    const patches: readonly Patch[] = [
      onlyVersion({ kind: 'merge', body: fields }, '7'),
      onlyVersion({ kind: 'json', operations: [{ op: 'remove', path: '/spec' }] }, '7'),
      { kind: 'apply', body: fields, manager: 'us', force: true },
    ]
    asked.length = 0
    await client.postJson('/things', { name: 'a' }, never)
    await client.putJson('/things/a', { name: 'a' }, never)
    for (const patch of patches) await client.patchJson('/things/a', patch, never)
    await client.deleteJson('/things/a', { uid: 'u' }, never)
    expect(asked).to.deep.equal([
      'POST /things application/json {"name":"a"}',
      'PUT /things/a application/json {"name":"a"}',
      'PATCH /things/a application/merge-patch+json {"metadata":{"labels":{"a":"b"},"resourceVersion":"7"}}',
      'PATCH /things/a application/json-patch+json ' +
        '[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},{"op":"remove","path":"/spec"}]',
      'PATCH /things/a?fieldManager=us&force=true application/apply-patch+yaml {"metadata":{"labels":{"a":"b"}}}',
      'DELETE /things/a application/json {"preconditions":{"uid":"u"}}',
    ])
  })

  it('says what an answer means', async () => {
    const conflict = await refused(409, '{"reason":"Conflict","message":"it has been modified"}')
    expect(conflict).to.be.instanceOf(ConflictError)
    expect(conflict.message).to.equal('it has been modified')
    const taken = await refused(409, '{"reason":"AlreadyExists","message":"there is one"}')
    expect(taken).to.not.be.instanceOf(ConflictError)
    expect(taken.alreadyExists).to.equal(true)
    expect((await refused(404, '{"reason":"NotFound"}')).notFound).to.equal(true)
    expect((await refused(502, 'bad gateway')).message).to.equal('bad gateway')
  })
})
