import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import { expect } from 'chai'
import { ApiServerAddresses, addressesOfHosts, configuredHosts } from './api-addresses.ts'

const SERVER = 'https://api.example:6443'

function slice(addresses: string[], more: EndpointSliceObject['metadata'] = {}): EndpointSliceObject {
  const labels = { 'kubernetes.io/service-name': 'kubernetes' }
  return {
    metadata: { namespace: 'default', name: 'kubernetes', labels, ...more },
    endpoints: [{ addresses }],
  }
}

describe('addresses of the API server', () => {
  let told: string[]
  let api: ApiServerAddresses

  beforeEach(() => {
    told = []
    api = new ApiServerAddresses((addresses) => void told.push(addresses.join(' ')))
  })

  it('are those that answered and the endpoints of its Service, told once', () => {
    api.answered(SERVER, '192.0.2.2')
    api.answered(SERVER, '192.0.2.2')
    api.setSlice(slice(['192.0.2.2', '192.0.2.3', '2001:DB8::2', 'nonsense']))
    api.answered(SERVER, '192.0.2.4')
    expect(told).to.deep.equal([
      '192.0.2.2',
      '192.0.2.2 192.0.2.3 2001:db8::2',
      '192.0.2.2 192.0.2.3 192.0.2.4 2001:db8::2',
    ])
  })

  it('go with the server that is no longer asked, and with its endpoints', () => {
    api.answered(SERVER, '192.0.2.2')
    api.setSlice(slice(['192.0.2.3']))
    api.setSlice(slice(['192.0.2.4']))
    api.answered('https://192.0.2.5', '192.0.2.5')
    expect(told.at(-1)).to.equal('192.0.2.4 192.0.2.5')
  })

  it('stay when the last endpoint goes: nobody else may have them while the control plane is away', () => {
    api.setSlice(slice(['192.0.2.3']))
    api.setSlice(slice([]))
    api.removeSlice('default/kubernetes')
    expect(told).to.deep.equal(['192.0.2.3'])
    api.setSlice(slice(['192.0.2.4']))
    expect(told.at(-1)).to.equal('192.0.2.4')
  })

  it('are no endpoints of other Services, also when a slice changes hands', () => {
    api.setSlice(slice(['192.0.2.66'], { namespace: 'tenant' }))
    api.setSlice(slice(['192.0.2.66'], { labels: { 'kubernetes.io/service-name': 'web' } }))
    api.setSlice({})
    expect(told).to.deep.equal([])
    api.setSlice(slice(['192.0.2.3']))
    api.setSlice(slice(['192.0.2.66'], { name: 'other', labels: { 'kubernetes.io/service-name': 'web' } }))
    expect(told).to.deep.equal(['192.0.2.3'])
  })

  it('that the node’s files name are those of their hosts, not the one of the environment', async () => {
    const servers = ['https://192.0.2.2:6443', 'https://[2001:db8::2]:6443', SERVER, 'https://10.96.0.1', 'x']
    const hosts = configuredHosts(servers, '10.96.0.1')
    expect(hosts).to.deep.equal(['192.0.2.2', '2001:db8::2', 'api.example'])
    const known = async (name: string) => [{ address: name === 'api.example' ? '192.0.2.7' : '' }]
    expect(await addressesOfHosts(hosts, known)).to.deep.equal(['192.0.2.2', '2001:db8::2', '192.0.2.7'])
    const away = async () => Promise.reject(new Error('no such name'))
    expect(await addressesOfHosts(hosts, away)).to.deep.equal(['192.0.2.2', '2001:db8::2'])
  })
})
