// Protocol violations over real TCP: the peer gets the NOTIFICATION of the RFC, its session is reset, and the speaker runs on.
import { expect } from 'chai'
import { fromHex } from '../../packet/attributes.ts'
import { encodeMessage, type Message } from '../../packet/message.ts'
import { Speaker } from '../../speaker.ts'
import { RawTcp } from '../../testing/raw-tcp.ts'

const OPEN: Message = {
  kind: 'open',
  asn: 64513,
  holdTime: 90,
  routerId: 7,
  capabilities: [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'four-octet-as', asn: 64513 },
  ],
}

describe('hostile peers', () => {
  let speaker: Speaker
  let port: number
  const raws: RawTcp[] = []

  const dial = (localAddress = '127.0.2.2') => {
    const raw = new RawTcp('127.0.2.1', port, localAddress)
    raws.push(raw)
    return raw
  }

  const session = async () => {
    const raw = dial()
    raw.send(OPEN, { kind: 'keepalive' })
    await raw.received('keepalive')
    return raw
  }

  beforeEach(async () => {
    speaker = new Speaker({
      asn: 64512,
      routerId: '127.0.2.1',
      listen: { addresses: ['127.0.2.1'], port: 0 },
    })
    speaker.addPeer({ address: '127.0.2.2', asn: 64513, families: ['ipv4-unicast'], passive: true })
    await speaker.start()
    port = speaker.listening()[0]!.port
  })

  afterEach(async () => {
    for (const raw of raws.splice(0)) raw.socket.destroy()
    await speaker.close()
  })

  const expectNotification = async (raw: RawTcp, code: number, subcode: number) => {
    expect(await raw.received('notification')).to.deep.include({ kind: 'notification', code, subcode })
    await raw.until(() => raw.closed)
    const again = await session()
    expect(again.closed).to.equal(false)
  }

  it('that sends a bad marker get 1/1', async () => {
    const raw = dial()
    raw.send(new Uint8Array(29).fill(7))
    await expectNotification(raw, 1, 1)
  })

  it('that sends HTTP get 1/1', async () => {
    const raw = dial()
    raw.send(new TextEncoder().encode('GET / HTTP/1.1\r\nHost: example.net\r\n\r\n'))
    await expectNotification(raw, 1, 1)
  })

  it('that claim an absurd length in a session get 1/2', async () => {
    const raw = await session()
    raw.send(fromHex(`${'ff'.repeat(16)}ffff02`))
    await expectNotification(raw, 1, 2)
  })

  it('that send an UPDATE whose prefix has 33 bits get 3/10, and their routes are gone', async () => {
    const raw = await session()
    const good: Message = {
      kind: 'update',
      withdrawn: [],
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [64513] }], nextHop: '127.0.2.2' },
      nlri: [{ prefix: '10.1.0.0/16' }],
    }
    raw.send(good)
    const bad = encodeMessage({ ...good, nlri: [{ prefix: '10.2.0.0/32' }] })
    bad[bad.length - 5] = 33
    raw.send(bad)
    await expectNotification(raw, 3, 10)
    expect([...speaker.routes()]).to.deep.equal([])
  })

  it('that send an UPDATE before the session is established get 5/2', async () => {
    const raw = dial()
    raw.send(OPEN)
    await raw.received('keepalive')
    raw.send({ kind: 'update', withdrawn: [], attributes: {}, nlri: [] })
    await expectNotification(raw, 5, 2)
  })

  it('that send a malformed attribute lose that route only (RFC 7606)', async () => {
    const raw = await session()
    const update = (prefix: string, nextHop: string): Message => ({
      kind: 'update',
      withdrawn: [],
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [64513] }], nextHop },
      nlri: [{ prefix }],
    })
    raw.send(update('10.1.0.0/16', '127.0.2.2'), update('10.2.0.0/16', '127.0.2.2'))
    const bad = encodeMessage(update('10.1.0.0/16', '127.0.2.2'))
    // ORIGIN, the first attribute, gets the undefined value 9.
    bad[19 + 4 + 3] = 9
    const left = (count: number) =>
      new Promise<string[]>((resolve) => {
        const look = () => {
          const prefixes = [...speaker.routes()].map(({ prefix }) => prefix)
          if (prefixes.length === count) resolve(prefixes)
        }
        speaker.on('best', look)
        look()
      })
    await left(2)
    raw.send(bad)
    expect(await left(1)).to.deep.equal(['10.2.0.0/16'])
    expect(speaker.peers()[0]).to.deep.include({ state: 'established' })
    expect(speaker.peers()[0]?.counters.treatedAsWithdraw).to.equal(1)
  })

  it('that are nobody we know are closed at once', async () => {
    const raw = dial('127.0.2.99')
    await raw.until(() => raw.closed)
    expect(raw.messages).to.deep.equal([])
  })

  it('that open 300 connections at once leave one session to the peer', async () => {
    const many = Array.from({ length: 300 }, () => dial())
    // Four may be there that have not sent their OPEN.
    await Promise.all(many.slice(0, -4).map((raw) => raw.until(() => raw.closed)))
    const last = many.at(-1)!
    last.send(OPEN, { kind: 'keepalive' })
    await last.received('keepalive')
    await Promise.all(many.slice(-4, -1).map((raw) => raw.until(() => raw.closed)))
    expect(last.closed).to.equal(false)
  })
})
