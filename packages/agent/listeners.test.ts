import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { createServer, type Server } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { text } from '@podroute/feature/listener.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { makeCertificate, type TestCertificate } from '../../test/support/certificates.ts'
import { AgentError } from './errors.ts'
import { Listeners, type WantedListener } from './listeners.ts'

const ADDRESS = '127.0.0.1'

describe('listeners', () => {
  let clock: ManualClock
  let listeners: Listeners
  let occupants: Server[]

  beforeEach(() => {
    clock = new ManualClock()
    listeners = new Listeners(silent, clock)
    occupants = []
  })
  afterEach(async () => {
    await listeners[Symbol.asyncDispose]()
    for (const server of occupants) server.close()
  })

  const page = (setting: string, port: number, body = setting): WantedListener => ({
    setting,
    at: { kind: 'tcp', address: ADDRESS, port },
    handler: () => text(body),
  })
  const occupy = async (port = 0) => {
    const server = createServer().listen(port, ADDRESS)
    await once(server, 'listening')
    occupants.push(server)
    return server
  }
  const free = async (server: Server) => {
    server.close()
    await once(server, 'close')
  }
  /** So many ports that nobody has now. */
  const ports = async (count: number) => {
    const servers = await Promise.all(Array.from({ length: count }, () => occupy()))
    const found = servers.map((server) => (server.address() as { port: number }).port)
    for (const server of servers) await free(server)
    return found as [number, number, number]
  }
  const update = async (...wanted: WantedListener[]) => {
    listeners.update(wanted)
    await listeners.settled
  }
  const ask = (port: number) =>
    fetch(`http://${ADDRESS}:${port}/`, { headers: { connection: 'close' } }).then(
      (response) => response.text(),
      () => undefined,
    )

  it('open, move and close what is different, with the pages of now', async () => {
    const [a, b, c] = await ports(3)
    await listeners.start([page('health', a), page('metrics', b)])
    await update(page('health', a, 'other'), page('metrics', c))
    expect([await ask(a), await ask(b), await ask(c)]).to.deep.equal(['other', undefined, 'metrics'])
    await update(page('health', a), page('metrics', 0))
    expect([await ask(a), await ask(c)]).to.deep.equal(['health', undefined])
    await update()
    expect(await ask(a)).to.equal(undefined)
    expect(listeners.condition().ok).to.equal(true)
  })

  it('serve by TLS, and a new certificate without a new server', async () => {
    const [a] = await ports(1)
    const secure = (tls: TestCertificate | undefined): WantedListener => ({
      setting: 'metrics',
      at: { kind: 'tcp', address: ADDRESS, port: a, tls },
      handler: (_path, asked) => text(asked?.authorization ?? ''),
    })
    const nameAt = async () => {
      const options = { host: ADDRESS, port: a, path: '/', rejectUnauthorized: false, agent: false }
      const asking = get({ ...options, headers: { authorization: 'Bearer x' } })
      const [response] = (await once(asking, 'response')) as [IncomingMessage]
      const { subject } = (response.socket as TLSSocket).getPeerCertificate()
      const [body] = await response.toArray()
      return `${subject.CN}: ${body}`
    }
    await listeners.start([secure(makeCertificate('first'))])
    expect(await nameAt()).to.equal('first: Bearer x')
    await update(secure(makeCertificate('second')))
    expect(await nameAt()).to.equal('second: Bearer x')
    await update(secure(undefined))
    expect(await ask(a)).to.equal('')
    expect(listeners.condition().ok).to.equal(true)
  })

  it('change places', async () => {
    const [a, b] = await ports(2)
    await listeners.start([page('health', a), page('metrics', b)])
    await update(page('health', b), page('metrics', a))
    expect([await ask(a), await ask(b)]).to.deep.equal(['metrics', 'health'])
  })

  it('stay where they are while the new place is taken, and move when it is free', async () => {
    const [a, b] = await ports(2)
    await listeners.start([page('metrics', a)])
    const occupant = await occupy(b)
    await update(page('metrics', b))
    expect(await ask(a)).to.equal('metrics')
    expect(listeners.condition()).to.deep.include({
      ...{ ok: false, advisory: true },
      detail: `metrics: listen EADDRINUSE: address already in use ${ADDRESS}:${b}: free that place, or name another one`,
    })
    await free(occupant)
    await clock.advance(5000)
    await listeners.settled
    expect([await ask(a), await ask(b)]).to.deep.equal([undefined, 'metrics'])
    expect(listeners.condition().ok).to.equal(true)
    expect(clock.timers).to.equal(0)
  })

  it('forget a place that is wanted no more', async () => {
    const [a, b] = await ports(2)
    await listeners.start([page('metrics', a)])
    await occupy(b)
    await update(page('metrics', b))
    await update(page('metrics', a))
    expect([await ask(a), listeners.condition().ok, clock.timers]).to.deep.equal(['metrics', true, 0])
  })

  it('are one set, though they change while the first are being opened', async () => {
    const [a, b] = await ports(2)
    const started = listeners.start([page('health', a), page('metrics', b)])
    listeners.update([page('health', b), page('metrics', a)])
    await started
    await listeners.settled
    expect([await ask(a), await ask(b)]).to.deep.equal(['metrics', 'health'])
  })

  it('end the start when one cannot be opened', async () => {
    const [a] = await ports(1)
    await occupy(a)
    const error = await listeners.start([page('health', a)]).catch((e: unknown) => e)
    expect(error).to.be.instanceOf(AgentError)
    expect((error as Error).message).to.include('"health"')
  })

  it('open nothing once they are closed', async () => {
    const [a] = await ports(1)
    await listeners[Symbol.asyncDispose]()
    await update(page('health', a))
    expect(await ask(a)).to.equal(undefined)
  })
})
