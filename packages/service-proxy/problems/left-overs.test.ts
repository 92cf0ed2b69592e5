import { expect } from 'chai'
import { LeftOvers } from './left-overs.ts'

describe('what another service proxy left behind', () => {
  const leftOver = { interface: 'kube-ipvs0', program: 'kube-proxy', addresses: ['10.96.0.1', '10.96.0.10'] }

  it('is said once, with what to do, and shown for as long as it is there', () => {
    const said: string[] = []
    const leftOvers = new LeftOvers((detail) => said.push(detail))
    expect(leftOvers.condition()).to.deep.equal({
      ...{ name: 'other service proxies', ok: true, detail: '', advisory: true },
    })
    leftOvers.found([leftOver])
    leftOvers.found([{ ...leftOver, addresses: ['10.96.0.1'] }])
    expect(said).to.deep.equal([
      'kube-ipvs0 of kube-proxy is still there, with 2 addresses of Services, which do not count as the node\'s: end kube-proxy on this node, then "ip link delete kube-ipvs0"',
    ])
    expect(leftOvers.condition()).to.include({ ok: false, advisory: true })
    expect(leftOvers.condition().detail).to.include('1 address of Services')
    leftOvers.found([])
    expect(leftOvers.condition().ok).to.equal(true)
    leftOvers.found([leftOver])
    expect(said).to.have.length(2)
  })
})
