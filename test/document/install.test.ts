/** The ways to install: one file, kustomize's base and overlays, Helm's chart; all of them are the one file. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parse, parseAllDocuments } from 'yaml'
import { CHART, configSchema, KUSTOMIZE, madeFiles } from '../../deploy/chart.ts'
import { attempt, run } from '../../lab/command.ts'
import { buildControlPlane, KUBERNETES_VERSION } from '../../lab/control-plane/build.ts'
import { buildHelm } from '../../lab/tools/helm.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')

interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
}

type Objects = Readonly<Record<string, unknown>>

/** By kind and name; of the ConfigMap what the text says, not the text. */
function objectsOf(text: string): Objects {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null)
  return Object.fromEntries(
    objects
      .filter((object) => object !== null)
      .map((object) => {
        const config = object.data?.['config.yaml']
        const read = config === undefined ? object : { ...object, data: parse(config) }
        return [`${object.kind}/${object.metadata.name}`, read]
      }),
  )
}

const configOf = (objects: Objects) => (objects['ConfigMap/podroute'] as { data: unknown }).data

describe('the ways to install', () => {
  let plain: Objects
  let kubectl: string
  before(async () => {
    plain = objectsOf(await readFile(join(DEPLOY, 'podroute.yaml'), 'utf8'))
    kubectl = join(await buildControlPlane(), 'kubectl')
  })

  it('are made of podroute.yaml as it is now: node deploy/chart.ts', async () => {
    for (const [path, text] of Object.entries(madeFiles()))
      expect(await readFile(path, 'utf8'), path).to.equal(text)
  })

  describe('Helm’s chart', () => {
    let helm: string
    before(async () => {
      helm = await buildHelm()
    })
    const render = (...args: string[]) =>
      attempt(helm, [
        'template',
        'podroute',
        CHART,
        '-n',
        'kube-system',
        '--kube-version',
        KUBERNETES_VERSION,
        ...args,
      ])

    it('has nothing that Helm would complain about', async () => {
      expect(await run(helm, ['lint', '--strict', CHART])).to.match(
        /1 chart\(s\) linted, 0 chart\(s\) failed/,
      )
    })

    it('renders to podroute.yaml by default', async () => {
      const { stdout, stderr } = await render()
      expect(stderr).to.equal('')
      expect(objectsOf(stdout)).to.deep.equal(plain)
    })

    it('takes image, configuration, secrets and places from values', async () => {
      const flags = [
        'image.tag=1.2.3',
        'config.asn=65001',
        'secrets.mesh=key',
        'metricsReader=true',
        'nodeSelector.a=b',
      ]
      const { stdout } = await render(...flags.flatMap((flag) => ['--set', flag]))
      const objects = objectsOf(stdout)
      expect(configOf(objects)).to.deep.equal({ asn: 65001, peers: [] })
      expect(objects['Secret/podroute-secrets']).to.deep.include({ stringData: { mesh: 'key' } })
      expect(Object.keys(objects)).to.include('ClusterRole/podroute-metrics-reader')
      expect(stdout)
        .to.include('image: localhost/podroute:1.2.3')
        .and.to.match(/nodeSelector:\n +a: b/)
    })

    it('leaves the CNI plugins out where another one gives pods their network', async () => {
      const { stdout } = await render('--set', 'config.podNetwork.cni=false')
      expect(stdout).to.include('name: prepare-node').and.to.not.include('install-cni')
      expect((await render('--set', 'config.podNetwork.cni=true')).stdout).to.include('- --install-cni=')
    })

    for (const [flag, refusal] of [
      ['nonsense=1', "additional properties 'nonsense' not allowed"],
      ['config.bgp.nonsense=1', "additional properties 'nonsense' not allowed"],
      ['config.asn=x', 'got string, want integer'],
    ] as const)
      it(`refuses ${flag}`, async () => {
        const { code, stderr } = await render('--set', flag)
        expect(code).to.not.equal(0)
        expect(stderr).to.include(refusal)
      })
  })

  describe('kustomize', () => {
    let directory: string
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'podroute-kustomize-'))
      await cp(KUSTOMIZE, directory, { recursive: true })
      await writeFile(join(directory, 'overlays', 'password', 'mesh'), 'key')
    })
    after(() => rm(directory, { recursive: true, force: true }))
    const build = async (...path: string[]) =>
      objectsOf(await run(kubectl, ['kustomize', join(directory, ...path)]))

    it('has podroute.yaml as its base', async () => {
      expect(await build('base')).to.deep.equal(plain)
    })

    it('has overlays whose configuration the agent takes', async () => {
      const names = await readdir(join(KUSTOMIZE, 'overlays'))
      expect(names).to.have.members(['dual-stack', 'password', 'router', 'router-only', 'without-bgp'])
      for (const name of names) {
        const objects = await build('overlays', name)
        expect(configSchema().safeParse(configOf(objects)).error, name).to.equal(undefined)
        for (const key of Object.keys(plain)) expect(Object.keys(objects), name).to.include(key)
      }
    })

    it('makes the Secret of the password that the DaemonSet names', async () => {
      const secret = (await build('overlays', 'password'))['Secret/podroute-secrets']
      expect(secret).to.deep.include({ data: { mesh: Buffer.from('key').toString('base64') } })
    })
  })
})
