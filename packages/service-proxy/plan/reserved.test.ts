import { RESERVED_HOLDERS, ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { expect } from 'chai'
import { RESERVATIONS, reservationsOf } from './reserved.ts'

describe('reservations of addresses', () => {
  it('that no Service may have are put before those that may be ClusterIPs', () => {
    const order = RESERVED_HOLDERS.map((holder) => RESERVATIONS[holder].mayBeClusterIP)
    expect(order).to.deep.equal(order.toSorted((a, b) => Number(a) - Number(b)))
  })

  it('are those of the strictest holder, in whatever order holders come and go', () => {
    const reserved = new ReservedAddresses()
    const reservations = reservationsOf(reserved)
    const at = () => reservations.get('192.0.2.1')?.holder
    reserved.replace('resolver', ['192.0.2.1'])
    reserved.replace('gateway', ['192.0.2.1'])
    expect(at()).to.equal('a gateway of this node')
    reserved.replace('api-server', ['192.0.2.1'])
    expect(at()).to.equal('a gateway of this node')
    reserved.replace('gateway', [])
    expect(at()).to.equal('the API server')
    reserved.replace('api-server', [])
    expect(at()).to.equal('a resolver of this node')
    reserved.replace('resolver', [])
    expect(at()).to.equal(undefined)
  })
})
