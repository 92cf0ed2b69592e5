import { expect } from 'chai'
import { ReservedAddresses } from './reserved-addresses.ts'

describe('reserved addresses', () => {
  it('are told to who comes late, and each change once', () => {
    const reserved = new ReservedAddresses()
    const told: string[] = []
    reserved.replace('gateway', ['192.0.2.1'])
    const subscription = reserved.subscribe(
      (holder, addresses) => void told.push(`${holder} ${addresses.join(' ')}`),
    )
    reserved.replace('gateway', ['192.0.2.1', '192.0.2.1'])
    reserved.replace('resolver', ['2001:db8::2', '192.0.2.1'])
    reserved.replace('gateway', [])
    subscription[Symbol.dispose]()
    reserved.replace('gateway', ['192.0.2.9'])
    expect(told).to.deep.equal(['gateway 192.0.2.1', 'resolver 192.0.2.1 2001:db8::2', 'gateway '])
  })

  it('say which have another holder now', () => {
    const reserved = new ReservedAddresses()
    const told: string[] = []
    reserved.replace('resolver', ['192.0.2.1', '192.0.2.2'])
    reserved.subscribe((_holder, _addresses, changed) => void told.push(changed.join(' ')))
    reserved.replace('gateway', ['192.0.2.1', '192.0.2.3'])
    reserved.replace('api-server-endpoint', ['192.0.2.1'])
    reserved.replace('gateway', ['192.0.2.3'])
    expect(told).to.deep.equal(['192.0.2.1 192.0.2.2', '192.0.2.1 192.0.2.3', '', '192.0.2.1'])
    expect(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((a) => reserved.holderOf(a))).to.deep.equal([
      'api-server-endpoint',
      'resolver',
      'gateway',
    ])
  })

  it('stay reserved until the last holder lets them go', () => {
    const reserved = new ReservedAddresses()
    reserved.replace('gateway', ['192.0.2.1'])
    reserved.replace('resolver', ['192.0.2.1'])
    reserved.replace('gateway', [])
    expect(reserved.has('192.0.2.1')).to.equal(true)
    reserved.replace('resolver', [])
    expect(reserved.has('192.0.2.1')).to.equal(false)
  })
})
