import { parseSlice } from '@podroute/cluster/objects/parse-slice.ts'
import { expect } from 'chai'
import { ApiServerEndpoints } from './api-server-endpoints.ts'

const slice = (name: string, ...addresses: string[]) =>
  parseSlice({
    metadata: { namespace: 'default', name, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: addresses[0]?.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  })!

const own = (...addresses: string[]) => slice('kubernetes', ...addresses)

describe('endpoints of the API server', () => {
  it('are those of the slice that the API server keeps, each once', () => {
    expect(new ApiServerEndpoints().update([own('192.0.2.3', '192.0.2.2', '192.0.2.3')])).to.deep.equal([
      '192.0.2.2',
      '192.0.2.3',
    ])
    expect(new ApiServerEndpoints().update([own('2001:DB8::2')])).to.deep.equal(['2001:db8::2'])
  })

  it('are not those of others of its Service, which reserve nothing', () => {
    const endpoints = new ApiServerEndpoints()
    expect(endpoints.update([slice('mine', '203.0.113.1')])).to.deep.equal([])
    expect(endpoints.update([slice('mine', '203.0.113.1'), own('192.0.2.3')])).to.deep.equal(['192.0.2.3'])
  })

  it('stay when the last one goes, until there are others', () => {
    const endpoints = new ApiServerEndpoints()
    endpoints.update([own('192.0.2.3')])
    expect(endpoints.update([own()])).to.deep.equal(['192.0.2.3'])
    expect(endpoints.update([])).to.deep.equal(['192.0.2.3'])
    expect(endpoints.update([own('192.0.2.4')])).to.deep.equal(['192.0.2.4'])
  })
})
