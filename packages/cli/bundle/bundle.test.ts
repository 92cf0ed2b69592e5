import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { clusterFiles } from '../kubectl/cluster-bundle.ts'
import { FakeKubectl } from '../testing/fake-kubectl.ts'
import { archiveOf } from './archive.ts'
import { writeArchive } from './bundle.ts'
import { nodeFiles } from './node-files.ts'
import { cleanText, withoutSecrets } from './secrets.ts'

/** Each stands where a secret stands. */
const CANARY = 'Ky7-canary'
const canary = (of: string) => `${CANARY}-${of}`
const PEM = `-----BEGIN EC PRIVATE KEY-----\n${CANARY}Pem\n-----END EC PRIVATE KEY-----`
const base64 = (text: string) => Buffer.from(text).toString('base64')
/** What a canary looks like, in each way in which it is written. */
const TRACES = [CANARY, base64(CANARY).slice(0, 12), Buffer.from(CANARY).toString('hex')]

const OBJECTS = {
  node: {
    kind: 'Node',
    metadata: {
      name: 'node-1',
      annotations: {
        'kube-router.io/peer.passwords': base64(canary('annotation')),
        'kubectl.kubernetes.io/last-applied-configuration': `{"password":"${canary('copy')}"}`,
      },
    },
  },
  set: {
    kind: 'DaemonSet',
    spec: {
      args: [`--peer-router-passwords=${canary('flag')}`, '--metrics-port=1'],
      env: [{ name: 'BGP_PASSWORD', value: canary('variable') }],
    },
  },
  map: {
    kind: 'ConfigMap',
    data: {
      'config.yaml': [
        'asn: 64512',
        `peers: [{address: 192.0.2.1, password: "${canary('flow')}", port: 179}]`,
        `meshPassword: ${canary('block')}`,
        `  password: '${canary('quoted')}' # of the router`,
        'passwordFile: /etc/podroute-secrets/router',
      ].join('\n'),
      'tls.key': PEM,
    },
  },
}

describe('podroute bundle', () => {
  const directory = mkdtempSync(join(tmpdir(), 'podroute-bundle-'))
  const socket = join(directory, 'socket')
  let agent: Server

  before(async () => {
    const pages: Readonly<Record<string, unknown>> = {
      '/pages': { pages: [{ name: 'config', summary: '' }] },
      '/status': { version: '1', ready: true, token: canary('status') },
      '/plan': { pending: [{ key: `router ${canary('file')}` }] },
      '/config': { values: [{ path: 'peers[0].password', value: canary('page'), from: 'file' }] },
      '/config/tables': { tables: [{ columns: ['KEY'], rows: [[`x ${canary('file')}`]], empty: '' }] },
    }
    agent = createServer(({ url }, response) => response.end(JSON.stringify(pages[url!])))
    await new Promise<void>((resolve) => agent.listen(socket, resolve))
    for (const [path, text] of Object.entries({
      'secret/router': `${canary('file')}\n`,
      'secret/tls.pem': PEM,
      'root/etc/podroute/config.yaml': OBJECTS.map.data['config.yaml'],
      'root/etc/cni/net.d/10.conflist': `{"plugins":[{"kubeconfig":"/x","token":"${canary('cni')}"}]}`,
      'root/run/podroute/state.json': JSON.stringify({ last: canary('state') }),
    })) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
  })

  after(() => {
    agent.close()
    rmSync(directory, { recursive: true })
  })

  const ofNode = () =>
    nodeFiles({ socket, root: join(directory, 'root'), secrets: [join(directory, 'secret')] })

  async function ofCluster() {
    const running = {
      ...{ kind: 'Pod', metadata: { name: 'podroute-1' }, spec: { nodeName: 'node-1' } },
      status: { phase: 'Running', containerStatuses: [{ name: 'agent', state: { running: {} } }] },
    }
    using kubectl = new FakeKubectl([
      { to: 'get pods ', stdout: { items: [running] } },
      { to: 'exec podroute-1', stdout: { files: [{ name: 'status.txt', text: 'well' }] } },
      { to: 'get nodes', stdout: { items: [OBJECTS.node] } },
      { to: 'get daemonsets', stdout: { items: [OBJECTS.set] } },
      { to: 'get configmap', stdout: OBJECTS.map },
      { to: 'logs podroute-1', stdout: `a {"password":"${canary('log')}"} Bearer ${canary('bearer')}\n` },
      { to: '', stdout: { items: [] } },
    ])
    const files = await clusterFiles({ program: kubectl.program, flags: [], namespace: 'kube-system' })
    return { files, calls: kubectl.calls }
  }

  it('holds pages, kernel dumps, files, logs, objects and versions', async () => {
    const names = [...(await ofNode()), ...(await ofCluster()).files].map(({ name }) => name)
    expect(names).to.include.members([
      ...['versions.txt', 'pages/status.json', 'pages/config.json', 'pages/config.txt', 'kernel/nft.txt'],
      ...['kernel/ip-route.txt', 'kernel/ip-address.txt', 'proc/net/dev', 'proc/meminfo'],
      ...['cluster/nodes.json', 'cluster/configmap.json', 'nodes/node-1/status.txt'],
      ...['nodes/node-1/agent.log', 'nodes/node-1/previous.log', 'cluster/version.txt'],
    ])
    expect(names.filter((name) => name.endsWith('10.conflist'))).to.have.length(1)
  }).timeout(60_000)

  it('has no secret in it: of Secrets, configuration, flags, annotations, variables, logs and state', async () => {
    const { files, calls } = await ofCluster()
    const path = join(directory, 'bundle.tar.gz')
    const all = [...(await ofNode()), ...files]
    writeArchive(path, 'podroute', all)
    const archive = gunzipSync(readFileSync(path)).toString('latin1')
    for (const { name, text } of all)
      for (const trace of TRACES) expect(text, `${name}: ${trace}`).not.to.include(trace)
    for (const trace of TRACES) expect(archive).not.to.include(trace)
    expect(calls.filter((call) => /get\s+\S*secret/.test(call))).to.deep.equal([])
    // What is no secret stays.
    expect(archive).to.include('/etc/podroute-secrets/router').and.include('asn: 64512')
    expect(archive).to.include('192.0.2.1').and.include('--metrics-port=1').and.include('state.json')
  }).timeout(60_000)

  it('would find a secret that is left', () => {
    const text = JSON.stringify(OBJECTS)
    expect(TRACES.slice(0, 2).every((trace) => text.includes(trace))).to.equal(true)
  })

  it('is what tar reads, also with long names', () => {
    const long = `${'folder/'.repeat(15)}file.txt`
    const files = [
      { name: 'a/one.txt', text: 'one\n' },
      { name: long, text: 'ü'.repeat(600) },
      { name: 'empty', text: '' },
    ]
    const input = archiveOf(files, 1_700_000_000)
    const listing = execFileSync('tar', ['tzf', '-'], { input, encoding: 'utf8' })
    expect(listing).to.equal(`a/one.txt\n${long}\nempty\n`)
    const extracted = execFileSync('tar', ['xzOf', '-', long], { input, encoding: 'utf8' })
    expect(extracted).to.equal('ü'.repeat(600))
  })

  it('keeps names whole that are too long for a header, each with its text', () => {
    const names = [
      ...[99, 100, 101, 255, 256, 300, 999].map((length) => `n${length}-`.padEnd(length, 'x')),
      ...[90, 100, 101, 250].map((length) => `folder/${'ü'.repeat(length)}`),
      `${'f'.repeat(155)}/${'n'.repeat(100)}`,
      `${'g'.repeat(156)}/${'n'.repeat(100)}`,
    ]
    const input = archiveOf(
      names.map((name) => ({ name, text: `text of ${name}` })),
      1_700_000_000,
    )
    const tar = (...args: readonly string[]) =>
      execFileSync('tar', ['--quoting-style=literal', ...args], { input, encoding: 'utf8' })
    expect(tar('-tzf', '-').trim().split('\n')).to.deep.equal(names)
    for (const name of names) expect(tar('-xzOf', '-', name)).to.equal(`text of ${name}`)
  })
})

describe('texts without secrets', () => {
  it('lose what is named as one, to the end of its value', () => {
    for (const [text, left] of [
      ['password: a b, port: 1', 'password: (removed), port: 1'],
      ['"token": "a,b", "x": 1', '"token": (removed), "x": 1'],
      ['\\"password\\":\\"a\\",\\"x\\":1', '\\"password\\":(removed),\\"x\\":1'],
      ['--peer-router-passwords=a', '--peer-router-passwords=(removed)'],
      ['--peer-router-passwords a', '--peer-router-passwords (removed)'],
      ['API_TOKEN=abc', 'API_TOKEN=(removed)'],
      ['client-key-data: abc', 'client-key-data: (removed)'],
      ['https://user:abc@host/x', 'https://(removed)@host/x'],
      ['Authorization: Bearer abcdefgh.x', 'Authorization: (removed)'],
      ['is eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln it', 'is (removed) it'],
      [PEM, '(removed)'],
    ])
      expect(cleanText(text!), text).to.equal(left)
  })

  it('keep what only sounds like one', () => {
    for (const text of [
      'passwordFile: /x',
      'key: default/web',
      'MAC 0a:58:0a',
      'tokenReview: true',
      'route: a=b',
    ])
      expect(cleanText(text)).to.equal(text)
    const object = { automountServiceAccountToken: false, key: 'default/web', volumes: [{ secretName: 'x' }] }
    expect(withoutSecrets(object)).to.deep.equal(object)
  })
})
