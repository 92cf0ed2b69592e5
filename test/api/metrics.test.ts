/** Metrics by HTTPS, for those that the API server lets read them. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import { addressesOf, type TestNode } from '../support/agent-network.ts'
import { makeCertificate, type TestCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'

const REVIEWS = resolve(import.meta.dirname, '../../deploy/metrics-reader.yaml')

describe('the metrics of an agent', function () {
  this.timeout(60_000)
  let cluster: AgentCluster
  let node: TestNode

  const curl = (...args: readonly string[]) =>
    cluster.exec(node, 'curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', ...args)
  const host = (address: string) => (address.includes(':') ? `[${address}]` : address)
  const get = (token?: string, address = '127.0.0.1') =>
    curl(...(token ? ['-H', `Authorization: Bearer ${token}`] : []), `https://${host(address)}:20245/metrics`)
  const subject = () =>
    cluster.exec(node, 'curl', '-skv', '-o', '/dev/null', '--stderr', '-', 'https://127.0.0.1:20245/metrics')
  const configure = (metrics: string, certificate?: TestCertificate) => {
    const files = certificate ? { 'tls.crt': certificate.cert, 'tls.key': certificate.key } : {}
    const text = agentConfig(cluster.conflist(node), `serviceProxy: {enabled: false}\nmetrics: ${metrics}`)
    return cluster.configure(node, text, files)
  }
  const secure = () => {
    const file = (name: string) => cluster.volume(node).file(name)
    return `{tls: {certFile: ${file('tls.crt')}, keyFile: ${file('tls.key')}}, tokenReview: true}`
  }
  const token = async (account: string) =>
    (await cluster.kubectl('create', 'token', account, '--duration=10m')).trim()

  before(async () => {
    cluster = await AgentCluster.start('metrics')
    node = await cluster.addNamespace()
    await cluster.registerNode(node)
    for (const name of ['reader', 'stranger'])
      await cluster.kubectl('create', 'serviceaccount', name, '--namespace=default')
    await cluster.startAgent(node, '', { serviceProxy: 'as-configured' })
    await configure(secure(), makeCertificate('first'))
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('are refused to all while the agents may not ask, and that says what to do', async () => {
    const reader = await token('reader')
    await eventually(async () => (await get(reader)) === '503')
    const [line] = await cluster.said(node, 'tokens cannot be reviewed')
    expect(line).to.include('kubectl apply -f deploy/metrics-reader.yaml')
  })

  it('are for those whom the API server knows and lets read them', async () => {
    const objects = await readFile(REVIEWS, 'utf8')
    const { code, stderr } = await cluster.control.kubectl(['apply', '-f', '-'], { input: objects })
    expect(code, stderr).to.equal(0)
    await cluster.kubectl(
      ...['create', 'clusterrolebinding', 'reader', '--clusterrole=podroute-metrics-reader'],
      '--serviceaccount=default:reader',
    )
    const [reader, stranger] = [await token('reader'), await token('stranger')]
    await eventually(async () => (await get(reader)) === '200', 15_000)
    expect(await get(stranger)).to.equal('403')
    expect([await get('guess'), await get()]).to.deep.equal(['401', '401'])
  })

  it('have pages about the agent and its configuration beside them, for those that may read those', async () => {
    const page = async (path: string, name = 'zreader') => {
      const authorization = `Authorization: Bearer ${await token(name)}`
      return cluster.exec(node, 'curl', '-sk', '-H', authorization, `https://127.0.0.1:20245${path}`)
    }
    await cluster.kubectl('create', 'serviceaccount', 'zreader', '--namespace=default')
    await cluster.kubectl(
      ...['create', 'clusterrolebinding', 'zreader', '--clusterrole=podroute-zpages-reader'],
      '--serviceaccount=default:zreader',
    )
    await eventually(async () => /^Paths: .*\/configz/m.test(await page('/statusz')), 15_000)
    const { podroute } = JSON.parse(await page('/configz'))
    expect(podroute.metrics).to.deep.include({ port: 20245, tokenReview: true })
    expect(podroute.bgp).to.deep.include({ holdTimeSeconds: 90 })
    for (const [path, who] of [
      ['/metrics', 'zreader'],
      ['/configz', 'reader'],
    ] as const)
      expect(await page(path, who)).to.match(/may not get .*: bind the ClusterRole podroute-/)
  })

  it('go on for whom was known while the API server is away', async () => {
    const reader = await token('reader')
    expect(await get(reader)).to.equal('200')
    await cluster.stopComponent('kube-apiserver')
    expect(await get(reader)).to.equal('200')
    await cluster.startComponent('kube-apiserver')
  })

  it('have a new certificate soon after its Secret changed', async () => {
    expect(await subject()).to.include('CN=first')
    await configure(secure(), makeCertificate('second'))
    await eventually(async () => (await subject()).includes('CN=second'), 2000)
  })

  it('are at the addresses of the node, of both families, or at loopback, as the configuration says', async () => {
    const plain = (address: string) => curl(`http://${host(address)}:20245/metrics`).catch(() => 'refused')
    const [own, loopback] = [addressesOf(node), ['127.0.0.1', '::1']]
    expect(own).to.have.length(2)
    for (const [word, open, closed] of [
      ['node', own, loopback],
      ['localhost', loopback, own],
    ] as const) {
      await configure(`{address: ${word}}`)
      await eventually(
        async () => (await plain(open[0]!)) === '200' && (await plain(open[1]!)) === '200',
        5000,
      )
      for (const address of closed) expect(await plain(address), address).to.equal('refused')
    }
  })
})
