import { expect } from 'chai'
import { countAnswers, parseAnswer, urlOf } from './traffic.ts'

describe('answers of the server blue', () => {
  it('says who answered and whom it saw, in both families', () => {
    expect(parseAnswer('pod=blue-1 ip=10.244.1.5 client=10.244.2.7:40312\n')).to.deep.equal({
      pod: 'blue-1',
      server: '10.244.1.5',
      client: '10.244.2.7',
    })
    expect(parseAnswer('pod=blue-1 ip=fd10::5 client=[fd10::7]:40312\n').client).to.equal('fd10::7')
  })

  it('is an error when something else comes', () => {
    expect(() => parseAnswer('')).to.throw('no answer of blue: nothing')
    expect(() => parseAnswer('<html>')).to.throw('<html>')
  })

  it('is counted by pod', async () => {
    const pods = ['a', 'b', 'a']
    const counts = await countAnswers(3, async () => ({ pod: pods.shift()!, server: '', client: '' }))
    expect([...counts]).to.deep.equal([
      ['a', 2],
      ['b', 1],
    ])
  })

  it('is asked for at a URL with brackets around IPv6', () => {
    expect(urlOf('10.0.0.1', 80)).to.equal('http://10.0.0.1:80/')
    expect(urlOf('fd10::1', 80)).to.equal('http://[fd10::1]:80/')
  })
})
