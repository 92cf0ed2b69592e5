import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverCandidates } from '@podroute/cluster/api/servers.ts'
import { describePrepareNode } from '@podroute/cni/testing/prepare-node-suite.ts'
import { expect } from 'chai'
import { prepareNode, takeServers } from './prepare-node.ts'

const SERVER = 'https://192.0.2.1:6443'
const SECRET = 'not-for-the-agent'
const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: here
clusters: [{name: kubernetes, cluster: {server: '${SERVER}', certificate-authority-data: AAAA}}]
contexts: [{name: here, context: {cluster: kubernetes, user: node}}]
users: [{name: node, user: {token: ${SECRET}}}]
`

describe('prepare-node', () => {
  let directory: string
  let out: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-prepare-'))
    out = join(directory, 'out')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  describePrepareNode(() => ({
    folder: directory,
    write: (path, text) => writeFileSync(path, text),
    read: (path) => readFileSync(path, 'utf8'),
    list: (path) => readdirSync(path),
    prepare: (words) => prepareNode(words, []),
  }))

  it('takes over where the API server is, and no credentials', () => {
    const kubelet = join(directory, 'kubelet.conf')
    writeFileSync(kubelet, KUBECONFIG)
    expect(takeServers(out, [kubelet])).to.deep.equal([`${kubelet}: the API server is ${SERVER}`])
    const taken = join(out, 'kubelet.conf')
    expect(readFileSync(taken, 'utf8')).to.not.include(SECRET)
    const { candidates } = serverCandidates({
      ...{ apiServer: undefined, kubeconfig: undefined, kubeletKubeconfigs: [taken] },
      ...{ env: {}, serviceAccount: directory },
    })
    expect(candidates.map(({ kubeConfig }) => kubeConfig.getCurrentCluster()?.server)).to.deep.equal([SERVER])
  })

  it('has the CNI plugins installed where it is told to, and ends as the installer does', async () => {
    const installer = join(directory, 'installer')
    const status = (code: number) => {
      writeFileSync(installer, `#!/bin/sh\necho "$@"\nexit ${code}\n`, { mode: 0o755 })
      return prepareNode(['--install-cni=/plugins', out, join(directory, 'none')], [], installer)
    }
    expect(await status(0)).to.deep.include({ status: 0 })
    const { said, status: failed } = await status(1)
    expect(failed).to.equal(1)
    expect(said[0]).to.equal('install /plugins --force')
    expect(said[1]).to.include(`there is no ${join(directory, 'none')}`)
    expect((await prepareNode(['--install-cni=/plugins', out], [], join(directory, 'no'))).status).to.equal(1)
    expect(await prepareNode([out], [], join(directory, 'no'))).to.deep.equal({ said: [], status: 0 })
    expect((await prepareNode([], [])).status).to.equal(2)
  })

  it('goes on without files that are not there or are none', () => {
    const broken = join(directory, 'kubeconfig')
    writeFileSync(broken, 'clusters: 7')
    const said = takeServers(out, [broken, join(directory, 'none')])
    expect(said).to.have.length(2)
    expect(said[0]).to.include(`${broken} cannot be used`)
    expect(said[1]).to.include(`there is no ${join(directory, 'none')}`)
    expect(readdirSync(out)).to.deep.equal([])
  })
})
