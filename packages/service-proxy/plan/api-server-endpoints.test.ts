import { parseSlice } from '@podroute/cluster/objects/parse-slice.ts'
import { expect } from 'chai'
import { ApiServerEndpoints } from './api-server-endpoints.ts'

const slice = (name: string, ...addresses: string[]) =>
  parseSlice({
    metadata: { namespace: 'default', name, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: addresses[0]?.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  })!

describe('endpoints of the API server', () => {
  it('are those of all slices of its Service, each once', () => {
    const slices = [slice('a', '192.0.2.3', '192.0.2.2'), slice('b', '192.0.2.3'), slice('c', '2001:DB8::2')]
    expect(new ApiServerEndpoints().update(slices)).to.deep.equal(['192.0.2.2', '192.0.2.3', '2001:db8::2'])
  })

  it('stay when the last one goes, until there are others', () => {
    const endpoints = new ApiServerEndpoints()
    endpoints.update([slice('a', '192.0.2.3')])
    expect(endpoints.update([slice('a')])).to.deep.equal(['192.0.2.3'])
    expect(endpoints.update([])).to.deep.equal(['192.0.2.3'])
    expect(endpoints.update([slice('a', '192.0.2.4')])).to.deep.equal(['192.0.2.4'])
  })
})
