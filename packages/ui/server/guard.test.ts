import { expect } from 'chai'
import { isSecret, knowsSecret, refusal } from './guard.ts'

describe('who may ask the page’s server', () => {
  it('is a page of this machine, by this machine’s name', () => {
    for (const host of ['127.0.0.1:20246', 'localhost:8080', '[::1]:20246', 'localhost'])
      expect(refusal('GET', { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).to.equal(
        undefined,
      )
    expect(refusal('GET', { host: 'localhost:1', 'sec-fetch-site': 'none' })).to.equal(undefined)
  })

  it('is nobody by another name, whatever address it leads to', () => {
    for (const host of ['evil.example:20246', '127.0.0.1.evil.example', '10.0.0.1:20246', '', 'localhost.'])
      expect(refusal('GET', { host }), host).to.include('localhost')
  })

  it('is no page of another site', () => {
    const host = '127.0.0.1:20246'
    for (const origin of ['http://evil.example', 'https://127.0.0.1:20246', 'http://127.0.0.1:1', 'null'])
      expect(refusal('GET', { host, origin }), origin).to.include('other sites')
    for (const site of ['cross-site', 'same-site'])
      expect(refusal('GET', { host, 'sec-fetch-site': site }), site).to.include('other sites')
  })

  it('changes nothing', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])
      expect(refusal(method, { host: 'localhost' }), method).to.include('only GET')
  })

  it('knows the secret', () => {
    expect(knowsSecret({ cookie: 'a=b; podroute-ui=right' }, 'right')).to.equal(true)
    for (const cookie of ['podroute-ui=wrong', 'podroute-ui=', 'other=right', 'podroute-ui=rights', ''])
      expect(knowsSecret({ cookie }, 'right'), cookie).to.equal(false)
    expect([isSecret('right', 'right'), isSecret('', 'right')]).to.deep.equal([true, false])
  })
})
