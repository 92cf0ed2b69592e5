// What wakes a connection up, and what waits until its keepalive is collected.
import { expect } from 'chai'
import { encodeEndOfRib } from '../../packet/end-of-rib.ts'
import { encodeMessage } from '../../packet/message.ts'
import type { Connection } from '../../transport.ts'
import { Wire, type WireOwner } from './wire.ts'

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
const UPDATE = encodeEndOfRib('ipv4-unicast')

/** A connection on which bytes wait, and an owner that cuts them into messages. */
class Rig {
  waiting: Uint8Array = new Uint8Array(0)
  supported = true
  /** How often the kernel was asked when bytes came. */
  asked = 0
  readonly marks: number[] = []
  /** Length and age of each message. */
  readonly heard: (readonly [number, number])[] = []
  readonly wire: Wire

  constructor() {
    const owner: Partial<WireOwner> = {
      received: (wire, bytes, age) =>
        wire.framer.push(bytes, (_, __, start, end) => {
          this.heard.push([end - start, age])
          return true
        }),
    }
    const connection: Partial<Connection> = {
      setLowWater: (bytes) => {
        if (this.supported) this.marks.push(bytes)
        return this.supported
      },
      take: (buffer) => {
        const bytes = this.waiting.subarray(0, buffer.length)
        this.waiting = this.waiting.subarray(bytes.length)
        buffer.set(bytes)
        return bytes.length
      },
      quietFor: () => {
        this.asked++
        return 700
      },
    }
    this.wire = new Wire('outgoing', connection as Connection, owner as WireOwner)
  }
}

describe('a connection with keepalives', () => {
  let rig: Rig

  beforeEach(() => {
    rig = new Rig()
  })

  it('is woken up for any other message, all of which are longer', () => {
    rig.wire.collectKeepalive(0)
    expect(rig.marks).to.deep.equal([KEEPALIVE.length + 1])
    expect(rig.marks[0]).to.be.below(
      encodeMessage({ kind: 'notification', code: 6, subcode: 2, data: new Uint8Array(0) }).length,
    )
  })

  it('takes the one that waits, with the age that it has at most', () => {
    rig.wire.collectKeepalive(1000)
    rig.waiting = KEEPALIVE
    rig.wire.collectKeepalive(1700)
    expect(rig.heard).to.deep.equal([[KEEPALIVE.length, 700]])
    expect(rig.marks).to.have.length(1)
  })

  it('is woken up for each byte while the rest of a message is to come', () => {
    rig.wire.collectKeepalive(0)
    rig.wire.onData(UPDATE.subarray(0, 21))
    expect(rig.marks).to.deep.equal([20, 1])
    rig.wire.onData(UPDATE.subarray(21))
    expect(rig.heard).to.deep.equal([[UPDATE.length, 0]])
    // Once that is over, with the next keepalive of its own.
    rig.wire.collectKeepalive(0)
    expect(rig.marks).to.deep.equal([20, 1, 20])
  })

  it('is so, too, where what it took was the begin of another message', () => {
    rig.wire.collectKeepalive(0)
    rig.waiting = UPDATE
    rig.wire.collectKeepalive(0)
    expect(rig.marks).to.deep.equal([20, 1])
    rig.wire.onData(rig.waiting)
    expect(rig.heard).to.deep.equal([[UPDATE.length, 0]])
  })

  it('asks the kernel when it came only once that decides whether the hold time is over', () => {
    rig.wire.collectKeepalive(1000)
    rig.wire.receivedAt = 1000
    expect(rig.wire.heardAt(90_999, 90_000)).to.equal(1000)
    expect(rig.wire.heardAt(1_000_000, 0)).to.equal(1000)
    expect(rig.asked).to.equal(0)
    expect(rig.wire.heardAt(91_000, 90_000)).to.equal(90_300)
    expect(rig.wire.heardAt(91_000, 90_000)).to.equal(90_300)
    expect(rig.asked).to.equal(1)
  })

  it('knows when it came where nothing waits', () => {
    rig.supported = false
    rig.wire.collectKeepalive(0)
    rig.wire.receivedAt = 1000
    expect(rig.wire.heardAt(91_000, 90_000)).to.equal(1000)
    expect(rig.asked).to.equal(0)
  })

  it('takes nothing by itself where the transport cannot let bytes wait', () => {
    rig.supported = false
    rig.waiting = KEEPALIVE
    rig.wire.collectKeepalive(0)
    rig.wire.collectKeepalive(0)
    expect(rig.heard).to.deep.equal([])
  })
})
