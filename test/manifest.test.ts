/** What deploy/podroute.yaml asks of the nodes. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseAllDocuments } from 'yaml'

interface Container {
  readonly name: string
  readonly command: readonly string[]
  readonly securityContext: Record<string, unknown>
  readonly volumeMounts: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
  }[]
}

interface PodSpec {
  readonly securityContext: object
  readonly initContainers: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[]
}

const documents = parseAllDocuments(readFileSync('deploy/podroute.yaml', 'utf8')).map((d) => d.toJS())
const spec = documents.find(({ kind }) => kind === 'DaemonSet').spec.template.spec as PodSpec
const containers = [...spec.initContainers, ...spec.containers]

const hostPathsOf = ({ volumeMounts }: Container) =>
  volumeMounts.flatMap(({ name, readOnly }) => {
    const path = spec.volumes.find((volume) => volume.name === name)?.hostPath?.path
    return path === undefined ? [] : [`${path}${readOnly ? ' (read only)' : ''}`]
  })

describe('the DaemonSet', () => {
  it('has no privileged container: each has a read-only root, no way to more, and named capabilities only', () => {
    const capabilities: Record<string, unknown> = {}
    for (const { name, securityContext } of containers) {
      const { capabilities: own, ...rest } = securityContext
      expect(rest, name).to.deep.equal({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
      capabilities[name] = own
    }
    expect(capabilities).to.deep.equal({
      'prepare-node': { drop: ['ALL'], add: ['SYS_MODULE'] },
      agent: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_BIND_SERVICE'] },
    })
    expect(spec.securityContext).to.deep.include({ seccompProfile: { type: 'RuntimeDefault' } })
  })

  it('mounts of the node what each container works on, the kubelet’s files into the first ones only', () => {
    expect(Object.fromEntries(containers.map((one) => [one.name, hostPathsOf(one)]))).to.deep.equal({
      'prepare-node': [
        '/opt/cni/bin',
        '/lib/modules (read only)',
        '/etc/modprobe.d (read only)',
        '/var/lib/kubelet (read only)',
        '/etc/kubernetes (read only)',
      ],
      agent: ['/etc/cni/net.d', '/run/podroute', '/opt/cni/bin (read only)', '/proc/sys/net'],
    })
  })

  describe('has prepare-node by the plugins’ program', () => {
    let folder = ''
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'podroute-manifest-'))
    })
    after(() => rmSync(folder, { recursive: true }))
    /** What each program prints is its name and arguments. */
    const program = (name: string, status: number) =>
      writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} "$@"\nexit ${status}\n`, { mode: 0o755 })
    const run = (ofPlugins: number, ofNode: number) => {
      program('podroute-cni', ofPlugins)
      program('node', ofNode)
      const [shell = '', ...words] = spec.initContainers[0]!.command.map((word) =>
        word.replaceAll(/\/(opt\/podroute\/cni|usr\/local\/bin)\//g, `${folder}/`),
      )
      const { status, stdout } = spawnSync(shell, words, { encoding: 'utf8' })
      return { status, said: stdout.trim().split('\n') }
    }
    const words =
      'prepare-node --install-cni=/host/opt/cni/bin /run/podroute-node /host/var/lib/kubelet/kubeconfig /host/etc/kubernetes/kubelet.conf'
    const [plugins, node] = [
      `podroute-cni ${words}`,
      `node --snapshot-blob=/opt/podroute/agent.blob /opt/podroute/agent.cjs ${words}`,
    ]

    it('which ends it, well or not', () => {
      for (const status of [0, 1]) expect(run(status, 0)).to.deep.equal({ status, said: [plugins] })
    })

    it('and by Node.js where that one did nothing', () => {
      for (const status of [0, 1]) expect(run(2, status)).to.deep.equal({ status, said: [plugins, node] })
    })
  })
})
