/** TCP-MD5 and GTSM between two network namespaces. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { withoutMapping } from '@podroute/address/address.ts'
import { close, ioctl, O_RDONLY, open } from '@podroute/linux/sys.ts'
import {
  connectTcp,
  descriptor,
  listenTcp,
  securedByTtl,
  type TcpConnectOptions,
  type TcpListener,
} from '@podroute/linux/tcp.ts'
import { quietFor, sendPast, setLowWater, takeNow } from '@podroute/linux/tcp-idle.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'
import { TestNetns } from './linux-support.ts'

const PORT = 1790
const FIONREAD = 0x541b

/** Bytes that have arrived and that nobody has read. */
function unread(connection: Socket): number {
  const count = new Uint32Array(1)
  ioctl(descriptor(connection), FIONREAD, new Uint8Array(count.buffer))
  return count[0]!
}

describe('TCP with MD5 keys and GTSM', () => {
  let here: TestNetns
  let there: TestNetns
  let listener: TcpListener | undefined
  let accepted: Socket[]

  beforeEach(async () => {
    here = await TestNetns.create('tcp-a')
    there = await TestNetns.create('tcp-b')
    const fd = open(there.path, O_RDONLY)
    const link = await here.links.add({
      kind: 'veth',
      name: 'v0',
      up: true,
      peer: { name: 'v0', netnsFd: fd },
    })
    close(fd)
    const peer = await there.links.get('v0')
    await there.links.set(peer!.index, { up: true })
    for (const address of ['10.0.0.1/24', 'fd00::1/64']) await here.address(link.index, address)
    for (const address of ['10.0.0.2/24', 'fd00::2/64']) await there.address(peer!.index, address)
    accepted = []
    listener = undefined
  })

  afterEach(async () => {
    for (const connection of accepted) connection.destroy()
    await listener?.close()
    here[Symbol.dispose]()
    there[Symbol.dispose]()
  })

  const listen = async (address?: string, accept: (connection: Socket) => void = () => {}) => {
    listener = await listenTcp({ address, port: PORT, netns: there.path }, (connection) => {
      accepted.push(connection)
      accept(connection)
      connection.on('error', () => {})
      connection.on('data', (data: Buffer) => connection.write(`echo ${data}`))
    })
    return listener
  }

  /** What the other end says to `hello`, or the code of the error. */
  async function talk(options: Partial<TcpConnectOptions> & { address: string }): Promise<string> {
    const connection = connectTcp({ port: PORT, connectTimeout: 1200, netns: here.path, ...options })
    try {
      await once(connection, 'connect')
      connection.write('hello')
      const [data] = (await once(connection, 'data', { signal: AbortSignal.timeout(1200) })) as [Buffer]
      return data.toString()
    } catch (error) {
      return (error as { code: string }).code ?? String(error)
    } finally {
      connection.on('error', () => {}).destroy()
    }
  }

  for (const [family, client, server, prefix] of [
    [4, '10.0.0.1', '10.0.0.2', '10.0.0.0/24'],
    [6, 'fd00::1', 'fd00::2', 'fd00::/64'],
  ] as const) {
    it(`connects over IPv${family} with the same key, set for an address or for a prefix`, async () => {
      await listen(server)
      for (const remote of [client, prefix]) {
        listener?.setPassword(remote, 'secret')
        expect(await talk({ address: server, password: 'secret', localAddress: client })).to.equal(
          'echo hello',
        )
        listener?.setPassword(remote, undefined)
      }
    })

    it(`does not connect over IPv${family} with another key or none, and gives up in time`, async () => {
      await listen(server)
      listener?.setPassword(client, 'secret')
      const [wrong, none] = await Promise.all([
        talk({ address: server, password: 'other' }),
        talk({ address: server }),
      ])
      expect([wrong, none]).to.deep.equal(['ETIMEDOUT', 'ETIMEDOUT'])
      expect(accepted).to.deep.equal([])
      listener?.setPassword(client, undefined)
      expect(await talk({ address: server })).to.equal('echo hello')
    })

    it(`takes keys of IPv${family} peers on a listener of both families`, async () => {
      await listen()
      listener?.setPassword(client, 'secret')
      expect(await talk({ address: server, password: 'secret' })).to.equal('echo hello')
      expect(withoutMapping(accepted[0]!.remoteAddress!)).to.equal(client)
      // Removing what is not there is no error.
      listener?.setPassword(client, undefined)
      listener?.setPassword(client, undefined)
      expect(await talk({ address: server })).to.equal('echo hello')
    })

    it(`drops IPv${family} segments that have come too far, in both directions`, async () => {
      await listen(undefined, (connection) => {
        if (!securedByTtl(connection, 1)) connection.destroy()
      })
      expect(await talk({ address: server, ttlSecurityHops: 1 }), 'both with TTL 255').to.equal('echo hello')
      const plain = `exec 3<>/dev/tcp/${server}/${PORT} && printf hello >&3 && timeout 1.2 head -c 1 <&3; true`
      expect(await run('ip', ['netns', 'exec', here.name, 'bash', '-c', plain]), 'with TTL 64').to.equal('')
      await listener?.close()
      await listen()
      expect(await run('ip', ['netns', 'exec', here.name, 'bash', '-c', plain]), 'not secured').to.equal('e')
    })
  }

  it('refuses a connection to a closed port when no key is set', async () => {
    expect(await talk({ address: '10.0.0.2', port: 9 })).to.equal('ECONNREFUSED')
  })

  it('has room for as many connections at once as the kernel allows', async () => {
    await listen()
    const inside = (...command: string[]) => run('ip', ['netns', 'exec', there.name, ...command])
    const most = Number(await inside('cat', '/proc/sys/net/core/somaxconn'))
    const [, , backlog] = (await inside('ss', '-Hltn', `sport = :${PORT}`)).split(/\s+/)
    expect(Number(backlog)).to.equal(Math.min(4096, most)).and.to.be.greaterThan(511)
  })

  it('says so when the address to listen on is taken or not its own', async () => {
    await listen('10.0.0.2')
    const again = listenTcp({ address: '10.0.0.2', port: PORT, netns: there.path }, () => {})
    const foreign = listenTcp({ address: '192.0.2.9', port: PORT, netns: there.path }, () => {})
    const outcomes = await Promise.allSettled([again, foreign])
    expect(outcomes.map((o) => (o.status === 'rejected' ? o.reason.code : 'ok'))).to.deep.equal([
      'EADDRINUSE',
      'EADDRNOTAVAIL',
    ])
  })

  it('wakes nobody up for fewer bytes than the low water mark, but for the end; they can be taken', async () => {
    for (const address of ['10.0.0.2', 'fd00::2']) {
      await listen(address)
      const connection = connectTcp({ address, port: PORT, netns: here.path })
      await once(connection, 'connect')
      const heard: string[] = []
      connection.on('data', (data: Buffer) => heard.push(data.toString()))
      await eventually(() => accepted.length > 0)
      const far = accepted.pop()!
      expect(setLowWater(connection, 4)).to.equal(true)
      const buffer = new Uint8Array(3)
      expect(takeNow(connection, buffer)).to.equal(0)
      far.write('one')
      await eventually(() => takeNow(connection, buffer) === 3)
      expect(Buffer.from(buffer).toString()).to.equal('one')
      expect(quietFor(connection)).to.be.below(30_000)
      far.write('two')
      await eventually(() => unread(connection) === 3)
      expect(heard).to.deep.equal([])
      far.write('!')
      await eventually(() => heard.join('') === 'two!')
      far.write('end')
      far.end()
      await once(connection, 'end')
      expect(heard.join('')).to.equal('two!end')
      connection.destroy()
      expect([
        setLowWater(connection, 4),
        takeNow(connection, buffer),
        sendPast(connection, buffer),
      ]).to.deep.equal([false, 0, 0])
      await listener?.close()
    }
  })

  it('says how long it is since data came', async () => {
    await listen('10.0.0.2')
    const connection = connectTcp({ address: '10.0.0.2', port: PORT, netns: here.path })
    await once(connection, 'connect')
    connection.write('hello')
    await once(connection, 'data')
    const since = performance.now()
    await eventually(() => quietFor(connection) >= 100)
    expect(performance.now() - since).to.be.at.least(80)
    connection.destroy()
  })

  it('sends past the stream what the kernel takes, in order with what the stream sends, and leaves errors to that', async () => {
    await listen('10.0.0.2')
    const connection = connectTcp({ address: '10.0.0.2', port: PORT, netns: here.path })
    await once(connection, 'connect')
    await eventually(() => accepted.length > 0)
    const heard: string[] = []
    accepted[0]!.removeAllListeners('data').on('data', (data: Buffer) => heard.push(data.toString()))
    const text = (words: string) => new TextEncoder().encode(words)
    expect(sendPast(connection, text('a'))).to.equal(1)
    connection.write('b')
    expect(sendPast(connection, text('c'))).to.equal(1)
    await eventually(() => heard.join('') === 'abc')
    accepted[0]!.pause()
    let sent = 0
    for (let more = 1; more > 0; sent += more) more = sendPast(connection, new Uint8Array(65_536))
    expect(sent).to.be.above(0)
    accepted[0]!.resetAndDestroy()
    const [error] = (await once(connection, 'error')) as [{ code: string }]
    expect(error.code).to.equal('ECONNRESET')
    expect(sendPast(connection, text('d'))).to.equal(0)
  })

  it('refuses keys that the kernel cannot hold', async () => {
    await listen('10.0.0.2')
    expect(() => listener?.setPassword('10.0.0.1', 'x'.repeat(81))).to.throw(RangeError)
  })
})
