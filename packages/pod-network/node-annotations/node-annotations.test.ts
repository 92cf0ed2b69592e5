import type { Statement } from '@podroute/cluster/events/event.ts'
import { expect } from 'chai'
import { type KeptAnnotations, NodeAnnotations } from './node-annotations.ts'
import { NO_NODE_SETTINGS } from './node-settings.ts'

const ROUTERS = `
- remoteip: 192.0.2.1
  remoteasn: 65000
  password: U2VjdXJlUGFzc3dvcmQK
- remoteip: 2001:db8::1
  remoteasn: 4200000000
  localip: 2001:db8::77
  port: 1179
`

describe('annotations of this node', () => {
  let kept: KeptAnnotations | undefined
  let events: Statement[]
  let annotations: NodeAnnotations
  let hostAddresses: string[]
  /** Another agent starts. */
  const start = () => {
    annotations = new NodeAnnotations({
      nodeName: 'node-1',
      events: { record: (statement) => void events.push(statement) },
      log: { info() {}, warn() {} },
      store: {
        load: () => kept,
        save: (value) => {
          kept = JSON.parse(JSON.stringify(value))
        },
      },
      hasAddress: (address) => hostAddresses.includes(address),
    })
  }
  /** What is wrong with these, as the Event says it. */
  const problemsOf = (texts: Record<string, string>): string[] => {
    events.splice(0)
    annotations.update(texts)
    return events.flatMap(({ note }) => note.replace('the last good value goes on: ', '').split('; '))
  }

  beforeEach(() => {
    kept = undefined
    events = []
    hostAddresses = ['172.30.0.11', '192.0.2.77']
    start()
  })

  it('name routers, in the words of kube-router', () => {
    expect(annotations.update({ 'kube-router.io/peers': ROUTERS })).to.equal(true)
    const [one, two] = annotations.settings.peers
    expect(one).to.deep.include({ address: '192.0.2.1', asn: 65000, password: 'SecurePassword' })
    expect(one).to.deep.include({ acceptRoutes: false, maxPrefixes: 1000 })
    expect(two).to.deep.include({ address: '2001:db8::1', asn: 4200000000, port: 1179 })
    expect(two).to.deep.include({ localAddress: '2001:db8::77' })
    expect(events).to.deep.equal([])
  })

  it('name routers in the words of the configuration as well', () => {
    annotations.update({ 'podroute.io/peers': '[{address: 192.0.2.1, asn: 65000, acceptRoutes: true}]' })
    expect(annotations.settings.peers[0]).to.deep.include({ address: '192.0.2.1', acceptRoutes: true })
  })

  it('name routers by the older lists in step, with places that are empty', () => {
    annotations.update({
      'kube-router.io/peer.ips': '192.0.2.1, 192.0.2.2',
      'kube-router.io/peer.asns': '65000,65001',
      'kube-router.io/peer.ports': '179,1179',
      'kube-router.io/peer.passwords': 'U2VjdXJlUGFzc3dvcmQK,',
      'kube-router.io/peer.localips': ',192.0.2.77',
    })
    const [one, two] = annotations.settings.peers
    expect(one).to.deep.include({ address: '192.0.2.1', asn: 65000, port: 179, password: 'SecurePassword' })
    expect(two).to.deep.include({ address: '192.0.2.2', asn: 65001, port: 1179, localAddress: '192.0.2.77' })
    expect(one).to.not.have.property('localAddress')
    expect(two).to.not.have.property('password')
  })

  it('have BFD with the timers of kube-router, where nothing else is said', () => {
    const timersOf = (bfd: string) => {
      annotations.update({ 'kube-router.io/peers': `[{remoteip: 192.0.2.1, remoteasn: 1, bfd: ${bfd}}]` })
      return annotations.settings.peers[0]?.bfd
    }
    expect(timersOf('{enabled: true}')).to.deep.equal({
      ...{ desiredMinTx: 1000, requiredMinRx: 1000, detectMultiplier: 3 },
    })
    const all =
      '{enabled: true, port: 3784, detection_multiplier: 2, required_min_rx_interval: 500, desired_min_tx_interval: 250}'
    expect(timersOf(all)).to.deep.equal({ desiredMinTx: 250, requiredMinRx: 500, detectMultiplier: 2 })
    expect([timersOf('{enabled: false, detection_multiplier: 2}'), timersOf('{}')]).to.deep.equal([
      ...[undefined, undefined],
    ])
    expect(events).to.deep.equal([])
    for (const wrong of ['{enabled: true, multiplier: 2}', '{enabled: true, detection_multiplier: 1}', '7']) {
      const said = problemsOf({
        'kube-router.io/peers': `[{remoteip: 192.0.2.1, remoteasn: 1, bfd: ${wrong}}]`,
      })
      expect(said[0]).to.match(/^kube-router\.io\/peers\[0\]\.bfd: write \{enabled: true/)
      problemsOf({})
    }
  })

  it('are ours where both are set, and peers where the older lists are set, too', () => {
    annotations.update({
      'kube-router.io/peers': ROUTERS,
      'podroute.io/peers': '[{remoteip: 192.0.2.9, remoteasn: 9}]',
      'podroute.io/peer.ips': '192.0.2.8',
      'podroute.io/peer.asns': '8',
    })
    expect(annotations.settings.peers.map(({ address }) => address)).to.deep.equal(['192.0.2.9'])
  })

  it('set what is put in front of paths, communities in all their forms, and what no router is believed', () => {
    annotations.update({
      'kube-router.io/path-prepend.as': '65000',
      'kube-router.io/path-prepend.repeat-n': '5',
      'kube-router.io/node.bgp.communities': '4294967041, 65535:65281,no-export',
      'kube-router.io/node.bgp.customimportreject': '10.0.0.0/16, 2001:db8::/32',
      'kube-router.io/bgp-local-addresses': '172.30.0.11,192.0.2.77',
    })
    const { prepend, communities, importReject, listen } = annotations.settings
    expect(prepend).to.deep.equal({ asn: 65000, times: 5 })
    expect(communities).to.deep.equal(['65535:65281', '65535:65281', 'no-export'])
    expect(importReject.map(({ text }) => text)).to.deep.equal(['10.0.0.0/16', '2001:db8::/32'])
    expect(listen).to.deep.equal(['172.30.0.11', '192.0.2.77'])
  })

  it('say of each mistake where it is and what is right, and show no password', () => {
    const said = problemsOf({
      'kube-router.io/peers':
        '[{remoteip: nowhere, remoteasn: 65000}, {remoteip: 192.0.2.1, remoteasn: 0, pasword: SHVzaCBodXNo}, {remoteip: 192.0.2.2, remoteasn: 1, password: "hush!"}, 7]',
      'kube-router.io/path-prepend.as': '65000',
      'kube-router.io/node.bgp.communities': '64512:1,nobody',
      'kube-router.io/node.bgp.customimportreject': '10.0.0.0/33',
      'kube-router.io/bgp-local-addresses': '192.0.2.99',
    })
    expect(said).to.deep.equal([
      'kube-router.io/peers[0].remoteip: not an IP address',
      'kube-router.io/peers[1].pasword: unknown key, did you mean "password"?',
      'kube-router.io/peers[2].password: not base64: printf PASSWORD | base64 makes it',
      'kube-router.io/peers[3]: not a router such as {remoteip: 192.0.2.1, remoteasn: 64512}',
      'kube-router.io/path-prepend.as: it says nothing without path-prepend.repeat-n: set both',
      'kube-router.io/node.bgp.communities[1]: nobody is no community: write 64512:1, a number of 32 bits, or a name such as no-export',
      'kube-router.io/node.bgp.customimportreject[0]: 10.0.0.0/33 is no prefix such as 10.0.0.0/8',
      'kube-router.io/bgp-local-addresses[0]: 192.0.2.99 is no address of this node',
    ])
    expect(said.join()).to.not.match(/hush|SHVz/)
    expect(annotations.settings).to.deep.equal(NO_NODE_SETTINGS)
  })

  it('say the same of the older lists, and of text that is no YAML', () => {
    expect(
      problemsOf({ 'kube-router.io/peer.ips': '192.0.2.1,192.0.2.2', 'kube-router.io/peer.asns': '65000' }),
    ).to.deep.equal([
      'kube-router.io/peer.asns: 1 for 2 routers: one for each of kube-router.io/peer.ips, in their order, is needed',
    ])
    expect(problemsOf({ 'kube-router.io/peer.asns': '65000' })).to.deep.equal([
      'kube-router.io/peer.asns: it says nothing without peer.ips',
    ])
    const lists = { 'kube-router.io/peer.ips': '192.0.2.1', 'kube-router.io/peer.asns': 'many' }
    expect(problemsOf(lists)[0]).to.match(/^kube-router\.io\/peer\.asns\[0\]: /)
    expect(problemsOf({ 'podroute.io/peers': '[{remoteip: 192.0.2.1, password: *hush}]' })).to.deep.equal([
      'podroute.io/peers: not a list in YAML',
    ])
    expect(problemsOf({ 'podroute.io/peers': '[{remoteip: 192.0.2.1' })[0]).to.match(
      /^podroute\.io\/peers: not a list in YAML at line 1, column \d+$/,
    )
    expect(problemsOf({ 'podroute.io/peers': 'remoteip: 192.0.2.1' })[0]).to.match(
      /^podroute\.io\/peers: not a list/,
    )
    expect(problemsOf({ 'podroute.io/peers': '[{remoteasn: 1}]' })[0]).to.match(
      /^podroute\.io\/peers\[0\]\.remoteip: missing/,
    )
    const twice = '[{remoteip: 192.0.2.1, remoteasn: 1}, {remoteip: 192.0.2.1, remoteasn: 2}]'
    expect(problemsOf({ 'podroute.io/peers': twice })).to.deep.equal([
      'podroute.io/peers[1]: 192.0.2.1 is podroute.io/peers[0] already',
    ])
  })

  it('read no file of the node', () => {
    const text = '[{address: 192.0.2.1, asn: 65000, passwordFile: /etc/shadow}]'
    expect(problemsOf({ 'podroute.io/peers': text })).to.deep.equal([
      'podroute.io/peers[0].passwordFile: an annotation names no files of the node: name it in the configuration',
    ])
  })

  it('keep what was good while they are wrong, each thing of its own, and say so once', () => {
    annotations.update({ 'kube-router.io/peers': ROUTERS, 'kube-router.io/node.bgp.communities': '64512:1' })
    const wrong = { 'kube-router.io/peers': 'nonsense', 'kube-router.io/node.bgp.communities': '64512:2' }
    annotations.update(wrong)
    annotations.update({ ...wrong })
    expect(annotations.settings.peers).to.have.length(2)
    expect(annotations.settings.communities).to.deep.equal(['64512:2'])
    expect(events.map(({ reason, regarding }) => [reason, regarding.name])).to.deep.equal([
      ['NodeAnnotationRefused', 'node-1'],
    ])
    expect(annotations.condition()).to.include({ ok: false, advisory: true })
    annotations.update({})
    expect(annotations.settings).to.deep.equal(NO_NODE_SETTINGS)
    expect(annotations.condition().ok).to.equal(true)
  })

  it('keep it in the next agent as well, which does not say it again', () => {
    const wrong = { 'kube-router.io/peers': 'nonsense' }
    annotations.update({ 'kube-router.io/peers': ROUTERS })
    annotations.update(wrong)
    start()
    annotations.update(wrong)
    expect(annotations.settings.peers.map(({ address }) => address)).to.deep.equal([
      '192.0.2.1',
      '2001:db8::1',
    ])
    expect(events).to.have.length(1)
    expect(annotations.condition().ok).to.equal(false)
  })

  it('change nothing when they are the same', () => {
    annotations.update({ 'kube-router.io/peers': ROUTERS })
    expect(annotations.update({ 'kube-router.io/peers': ROUTERS, 'podroute.io/other': 'x' })).to.equal(false)
  })

  it('have the addresses that the node gets later', () => {
    const texts = { 'podroute.io/bgp-local-addresses': '192.0.2.99' }
    annotations.update(texts)
    expect([annotations.recheck(), annotations.settings.listen]).to.deep.equal([false, []])
    hostAddresses.push('192.0.2.99')
    expect([annotations.recheck(), annotations.settings.listen]).to.deep.equal([true, ['192.0.2.99']])
    expect(annotations.condition().ok).to.equal(true)
  })
})
