import { expect } from 'chai'
import { listenAddresses, listenerName } from './listen-addresses.ts'

describe('where servers listen', () => {
  const own = ['192.0.2.1', '2001:db8::1']

  it('is an address, or all of the node, or loopback', () => {
    expect(listenAddresses('::', own)).to.deep.equal(['::'])
    expect(listenAddresses('192.0.2.9', own)).to.deep.equal(['192.0.2.9'])
    expect(listenAddresses('node', own)).to.deep.equal(own)
    expect(listenAddresses('localhost', own)[0]).to.equal('127.0.0.1')
    for (const address of listenAddresses('localhost', own)) expect(address).to.match(/^(127\.0\.0\.1|::1)$/)
  })

  it('is named by its setting', () => {
    expect(own.map((_, index) => listenerName('metrics', index))).to.deep.equal(['metrics', 'metrics[1]'])
  })
})
