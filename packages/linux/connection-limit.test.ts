import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { ConnectionLimit } from './connection-limit.ts'

class FakeConnection extends EventEmitter {
  readonly remoteAddress: string | undefined
  destroyed = false

  constructor(remoteAddress?: string) {
    super()
    this.remoteAddress = remoteAddress
  }

  destroy(): void {
    this.destroyed = true
  }
}

describe('a limit of connections', () => {
  const connect = (limit: ConnectionLimit, address?: string) => {
    const connection = new FakeConnection(address)
    limit.add(connection)
    return connection
  }
  const closed = (connections: readonly FakeConnection[]) =>
    connections.flatMap((connection, index) => (connection.destroyed ? [index] : []))

  it('closes nothing while there is room, and counts those that close by themselves no more', () => {
    const limit = new ConnectionLimit(2)
    const [one, two] = [connect(limit), connect(limit)]
    one.emit('close')
    const three = connect(limit)
    expect(closed([one, two, three])).to.deep.equal([])
    expect(limit.size).to.equal(2)
  })

  it('closes the one that has asked nothing for longest, never the new one', () => {
    const limit = new ConnectionLimit(3)
    const connections = [connect(limit), connect(limit), connect(limit)]
    limit.used(connections[0]!)
    connections.push(connect(limit))
    expect(closed(connections)).to.deep.equal([1])
    connections.push(connect(limit), connect(limit))
    expect(closed(connections)).to.deep.equal([0, 1, 2])
    expect(limit.size).to.equal(3)
  })

  it('takes from the address with the most connections, however many others have', () => {
    const limit = new ConnectionLimit(4)
    const probe = connect(limit, '172.30.0.11')
    const flood = Array.from({ length: 100 }, () => connect(limit, '10.244.1.9'))
    expect(probe.destroyed).to.equal(false)
    expect(flood.filter((connection) => !connection.destroyed)).to.deep.equal(flood.slice(-3))
    expect(connect(limit, '172.30.0.11').destroyed).to.equal(false)
    expect(probe.destroyed).to.equal(false)
  })

  it('does not count again what it has closed and hears of later', () => {
    const limit = new ConnectionLimit(1)
    const first = connect(limit)
    const second = connect(limit)
    limit.used(first)
    first.emit('close')
    expect(limit.size).to.equal(1)
    expect(second.destroyed).to.equal(false)
  })
})
