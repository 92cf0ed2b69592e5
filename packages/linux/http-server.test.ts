import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { expect } from 'chai'
import { makeCertificate } from '../../test/support/certificates.ts'
import { ConnectionLimit } from './connection-limit.ts'
import { type HttpListener, listenHttp } from './http-server.ts'

const HOST = '127.0.0.1'

describe('an HTTPS server', () => {
  let limit: ConnectionLimit
  let server: HttpListener

  beforeEach(async () => {
    limit = new ConnectionLimit(4)
    const at = { kind: 'tcp', address: HOST, port: 0, tls: makeCertificate('server') } as const
    server = await listenHttp(at, limit, (_request, response) => void response.end('figures'))
  })
  afterEach(() => server[Symbol.asyncDispose]())

  it('counts its connections as others do, those that never begin a handshake too', async () => {
    const silent = Array.from({ length: 6 }, () => connect(server.port, HOST))
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    const socket = connectSecurely({ host: HOST, port: server.port, rejectUnauthorized: false })
    socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const answer = (await socket.setEncoding('utf8').toArray()).join('')
    expect(answer).to.match(/^HTTP\/1.1 200 OK[\s\S]*figures$/)
    expect(limit.size).to.be.at.most(4)
    for (const one of silent) one.destroy()
    while (limit.size > 0) await new Promise((resolve) => setImmediate(resolve))
  })
})
