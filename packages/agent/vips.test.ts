import { expect } from 'chai'
import { VipSet } from './vips.ts'

describe('virtual addresses', () => {
  it('are those of every kind, in canonical form', () => {
    const vips = new VipSet()
    vips.set('ns/a', {
      spec: { clusterIPs: ['10.96.0.5', 'fd10:96::5'], externalIPs: ['FD00:0::1', 'junk'] },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, {}] } },
    })
    vips.set('ns/headless', { spec: { clusterIP: 'None' } })
    for (const address of ['10.96.0.5', 'fd10:96::5', 'fd00::1', '192.0.2.1'])
      expect(vips.has(address), address).to.equal(true)
    for (const address of ['None', 'junk', '']) expect(vips.has(address), address).to.equal(false)
  })

  it('stay while one of several Services has them', () => {
    const vips = new VipSet()
    const shared = { spec: { clusterIP: '10.96.0.5', externalIPs: ['192.0.2.1'] } }
    vips.set('ns/a', shared)
    vips.set('ns/b', { spec: { clusterIP: '10.96.0.6', externalIPs: ['192.0.2.1'] } })
    vips.set('ns/a', shared)
    vips.delete('ns/a')
    expect(vips.has('192.0.2.1')).to.equal(true)
    expect(vips.has('10.96.0.5')).to.equal(false)
    vips.delete('ns/b')
    expect(vips.has('192.0.2.1')).to.equal(false)
  })
})
