import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { ApiStatusError, ClusterError } from '../errors.ts'
import { unusedClient } from '../testing/unused-client.ts'
import type { ApiClient } from './client.ts'
import { ApiServerFinder } from './finder.ts'
import { type ServerCandidate, serverCandidates } from './servers.ts'

const ignore = () => {}
const log: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }

const kubeconfig = (server: string) => `
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: "${server}"}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
users: [{name: u, user: {client-certificate: /none, client-key: /none}}]
`

describe('API server', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const find = (more: Partial<Parameters<typeof serverCandidates>[0]> = {}) => {
    const settings = {
      apiServer: undefined,
      kubeconfig: undefined,
      kubeletKubeconfigs: [],
      env: {},
      serviceAccount: '/sa',
    }
    const { candidates, skipped } = serverCandidates({ ...settings, ...more })
    return { servers: candidates.map((c) => c.kubeConfig.getCurrentCluster()?.server), candidates, skipped }
  }

  it("is looked for in the configuration, the kubelet's kubeconfig and the environment, in this order", () => {
    const kubelet = join(directory, 'kubeconfig')
    writeFileSync(kubelet, kubeconfig('https://10.0.0.1:6443'))
    const { servers } = find({
      apiServer: 'https://api.example:6443',
      kubeletKubeconfigs: [join(directory, 'none'), kubelet],
      env: { KUBERNETES_SERVICE_HOST: 'fd10:96::1', KUBERNETES_SERVICE_PORT: '443' },
    })
    expect(servers).to.deep.equal([
      'https://api.example:6443',
      'https://10.0.0.1:6443',
      'https://[fd10:96::1]:443',
    ])
  })

  it("takes the kubelet's server only, with the pod's own token and CA", () => {
    const kubelet = join(directory, 'kubeconfig')
    writeFileSync(kubelet, kubeconfig('https://10.0.0.1:6443'))
    const { kubeConfig } = find({ kubeletKubeconfigs: [kubelet] }).candidates[0]!
    expect(kubeConfig.getCurrentCluster()?.caFile).to.equal('/sa/ca.crt')
    expect(kubeConfig.getCurrentUser()).to.not.have.property('certFile')
    expect(kubeConfig.getCurrentUser()?.authProvider?.config.tokenFile).to.equal('/sa/token')
  })

  it("is the given kubeconfig's alone", () => {
    const file = join(directory, 'kubeconfig')
    writeFileSync(file, kubeconfig('https://10.0.0.9:6443'))
    expect(find({ kubeconfig: file, env: { KUBERNETES_SERVICE_HOST: '10.96.0.1' } }).servers).to.deep.equal([
      'https://10.0.0.9:6443',
    ])
  })

  it('says why a source is none', () => {
    const broken = join(directory, 'broken')
    writeFileSync(broken, 'clusters: [')
    const { servers, skipped } = find({ kubeletKubeconfigs: [join(directory, 'none'), broken] })
    expect(servers).to.deep.equal([])
    expect(skipped[0]).to.equal(`there is no ${join(directory, 'none')}`)
    expect(skipped[1]).to.match(/broken cannot be used/)
    expect(skipped[2]).to.equal('KUBERNETES_SERVICE_HOST is not set')
  })

  describe('of several', () => {
    const answers = new Map<string, () => unknown>()
    const said: string[] = []
    const note = (message: string) => said.push(message)
    beforeEach(() => {
      said.length = 0
    })
    const finder = (servers: readonly string[]) =>
      new ApiServerFinder({
        candidates: () => ({
          candidates: servers.map((source) => ({ source }) as ServerCandidate),
          skipped: ['no file'],
        }),
        connect: ({ source }): ApiClient => ({
          ...unusedClient(source),
          getJson: async () => answers.get(source)?.(),
        }),
        log: { ...log, info: note, warn: note },
      })
    const down = () => {
      throw new Error('connect ECONNREFUSED')
    }

    it('is the first that answers, also with "not allowed", and stays it', async () => {
      answers.set('a', down)
      answers.set('b', () => {
        throw new ApiStatusError(403, 'forbidden')
      })
      const found = finder(['a', 'b'])
      expect((await found.client()).server).to.equal('b')
      answers.set('a', () => ({}))
      expect((await found.client()).server).to.equal('b')
    })

    it('is looked for again after its connection failed, not after an answer of its own', async () => {
      answers.set('a', () => ({}))
      answers.set('b', () => ({}))
      const found = finder(['a', 'b'])
      await found.client()
      answers.set('a', down)
      found.failed(new ApiStatusError(500, 'internal'))
      expect((await found.client()).server).to.equal('a')
      found.failed(new Error('socket hang up'))
      expect((await found.client()).server).to.equal('b')
    })

    it('is looked for again when the candidates are others, and nobody stays with the one before', async () => {
      answers.set('a', () => ({}))
      answers.set('b', () => ({}))
      const servers = ['b']
      const found = finder(servers)
      expect((await found.client()).server).to.equal('b')
      const { abandoned } = found
      servers.unshift('a')
      found.reconsider()
      expect([abandoned.aborted, found.abandoned.aborted]).to.deep.equal([true, false])
      expect((await found.client()).server).to.equal('a')
    })

    it('is said once to be away, again when the reason is another, and once to be back', async () => {
      const found = finder(['a'])
      const tryOnce = () => found.client().catch(() => found.failed(new Error('connect ECONNREFUSED')))
      answers.set('a', down)
      for (let attempt = 0; attempt < 3; attempt++) await tryOnce()
      answers.set('a', () => {
        throw new Error('certificate has expired')
      })
      for (let attempt = 0; attempt < 3; attempt++) await tryOnce()
      answers.set('a', () => ({}))
      for (let attempt = 0; attempt < 3; attempt++) await tryOnce()
      expect(said).to.deep.equal([
        'no API server answers, trying again',
        'still no API server',
        'API server found',
      ])
    })

    it('has so long to answer', async () => {
      const silent: ApiClient = {
        ...unusedClient('a'),
        getJson: (_path, _query, signal) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(new Error('The operation was aborted'))),
          ),
      }
      const candidates = [{ source: 'a' } as ServerCandidate]
      const found = new ApiServerFinder({
        candidates: () => ({ candidates, skipped: [] }),
        connect: () => silent,
        log,
        patience: 2,
      })
      const error = await found.client().catch((e: unknown) => e)
      expect((error as ClusterError).message).to.equal(
        'no API server answers: a (a): no answer within 0.002 s',
      )
    })

    it('is one clear error when none answers', async () => {
      answers.set('a', down)
      const error = await finder(['a'])
        .client()
        .catch((e: unknown) => e)
      expect(error).to.be.instanceOf(ClusterError)
      expect((error as ClusterError).message).to.equal(
        'no API server answers: no file; a (a): connect ECONNREFUSED',
      )
    })
  })
})
