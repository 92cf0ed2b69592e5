import { expect } from 'chai'
import { AnsweringServers, addressesOfHosts, ConfiguredServers, configuredHosts } from './api-server.ts'

const SERVER = 'https://api.example:6443'

describe('addresses of the API server', () => {
  let told: string[]
  let servers: AnsweringServers

  beforeEach(() => {
    told = []
    servers = new AnsweringServers((addresses) => void told.push(addresses.join(' ')))
  })

  it('are those that answered, told once', () => {
    for (const address of ['192.0.2.2', '192.0.2.2', '::ffff:192.0.2.2', '192.0.2.4', undefined])
      servers.answered(SERVER, address)
    expect(told).to.deep.equal(['192.0.2.2', '192.0.2.2 192.0.2.4'])
  })

  it('go with the server that is no longer asked', () => {
    servers.answered(SERVER, '192.0.2.2')
    servers.answered('https://192.0.2.5', '192.0.2.5')
    expect(told.at(-1)).to.equal('192.0.2.5')
  })

  it('that the node’s files name are those of their hosts, not the one of the environment', async () => {
    const urls = ['https://192.0.2.2:6443', 'https://[2001:db8::2]:6443', SERVER, 'https://10.96.0.1', 'x']
    const hosts = configuredHosts(urls, '10.96.0.1')
    expect(hosts).to.deep.equal(['192.0.2.2', '2001:db8::2', 'api.example'])
    const known = async (name: string) => [{ address: name === 'api.example' ? '192.0.2.7' : '' }]
    expect(await addressesOfHosts(hosts, known)).to.deep.equal(['192.0.2.2', '2001:db8::2', '192.0.2.7'])
    const away = async () => Promise.reject(new Error('no such name'))
    expect(await addressesOfHosts(hosts, away)).to.deep.equal(['192.0.2.2', '2001:db8::2'])
  })

  it('that the node’s files name are those of the last files, however late a name server answers', async () => {
    const answers = new Map<string, (addresses: { address: string }[]) => void>()
    const servers = new ConfiguredServers({
      environmentHost: undefined,
      lookup: (name) => new Promise((resolve) => void answers.set(name, resolve)),
      found: (addresses) => void told.push(addresses.join(' ')),
      failed: (error) => expect.fail(String(error)),
    })
    servers.update(['https://one.example'])
    servers.update(['https://two.example'])
    answers.get('two.example')!([{ address: '192.0.2.2' }])
    answers.get('one.example')!([{ address: '192.0.2.1' }])
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).to.deep.equal(['192.0.2.2'])
  })
})
