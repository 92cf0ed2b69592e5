/** The other pod network of the cold start benchmark: its programs, as whoever measures has built them, in an image and a DaemonSet. */
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { API_ADDRESS, API_PORT, NODES } from '../../lab/addresses.ts'
import { archiveTree, makeFolders } from '../../lab/images/archive.ts'
import { linkApplets } from '../../lab/images/pods.ts'
import type { ClusterNetwork } from '../../lab/lifecycle.ts'
import { apply, waitForPods } from '../../lab/scenarios/cluster.ts'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'

export interface Peer extends ClusterNetwork {
  readonly name: string
  /** Archive of its image. */
  readonly archive: string
}

interface Container {
  readonly command: readonly string[]
  readonly mounts: Readonly<Record<string, string>>
  readonly env?: readonly object[]
}

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

/** Busybox, and the programs in /plugins. */
async function imageOf(name: string, programs: readonly string[], into: string): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'podroute-peer-'))
  try {
    await chmod(tree, 0o755)
    await makeFolders(tree, ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root', 'host', 'plugins'])
    await copyFile('/bin/busybox', join(tree, 'bin', 'busybox'))
    await linkApplets(join(tree, 'bin'))
    for (const program of programs) await copyFile(program, join(tree, 'plugins', basename(program)))
    const archive = join(into, `${name}.tar`)
    await archiveTree(tree, [{ reference: reference(name), entrypoint: ['/bin/sh'] }], archive)
    return archive
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

const reference = (name: string) => `localhost/podroute-bench/${name}:1`

/** Of the host's network and with all rights, as their own manifests have it. */
function daemonSet(name: string, init: Container, main: Container) {
  const labels = { app: name }
  const paths = new Map([...Object.entries(init.mounts), ...Object.entries(main.mounts)])
  const volumeName = (path: string) => path.replaceAll(/[^a-z]+/g, '-').replaceAll(/^-|-$/g, '') || 'root'
  const container = (part: string, { command, mounts, env = [] }: Container) => ({
    ...{ name: part, image: reference(name), imagePullPolicy: 'Never', command, env },
    securityContext: { privileged: true },
    volumeMounts: Object.entries(mounts).map(([path, at]) => ({ name: volumeName(path), mountPath: at })),
  })
  const spec = {
    ...{
      hostNetwork: true,
      tolerations: [{ operator: 'Exists' }],
      priorityClassName: 'system-node-critical',
    },
    ...{ serviceAccountName: name, terminationGracePeriodSeconds: 5 },
    initContainers: [container('install', init)],
    containers: [container('main', main)],
    volumes: [...paths.keys()].map((path) => ({
      name: volumeName(path),
      hostPath: { path, type: 'DirectoryOrCreate' },
    })),
  }
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name, namespace: 'kube-system' } },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  }
}

/** It may do what it likes: rights are not what is measured. */
function rights(name: string): readonly object[] {
  const metadata = { name, namespace: 'kube-system' }
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  ]
}

const networkOf = (name: string, archive: string, object: object): Peer => ({
  ...{ name, archive, title: `apply ${name}` },
  apply: () => apply(...rights(name), object),
  wait: () => waitForPods(`app=${name}`, NODES.length, { namespace: 'kube-system' }),
})

/** @param folder with kindnetd and cni-kindnet. What needs more of the kernel than the lab's has is off, which makes it quicker, if anything. */
export async function kindnet(folder: string, into: string): Promise<Peer> {
  const name = 'kindnet'
  // Which its nodes have from elsewhere.
  const loopback = join(await buildReferencePlugins(), 'loopback')
  const files = [join(folder, 'kindnetd'), join(folder, 'cni-kindnet'), loopback]
  const archive = await imageOf(name, files, into)
  const server = `https://${API_ADDRESS.includes(':') ? `[${API_ADDRESS}]` : API_ADDRESS}:${API_PORT}`
  const off = ['network-policy', 'nat64', 'dns-caching'].map((flag) => `--${flag}=false`)
  return networkOf(
    name,
    archive,
    daemonSet(
      name,
      {
        command: ['/bin/cp', '/plugins/cni-kindnet', '/plugins/loopback', '/cni/'],
        mounts: { '/opt/cni/bin': '/cni' },
      },
      {
        command: [
          ...['/plugins/kindnetd', '--hostname-override=$(NODE_NAME)', `--control-plane-endpoint=${server}`],
          ...[...off, '--disable-nri=true', '--fastpath-threshold=0'],
        ],
        mounts: {
          '/etc/cni/net.d': '/etc/cni/net.d',
          '/var/lib/cni-kindnet': '/var/lib/cni-kindnet',
          '/run': '/var/run',
        },
        env: [
          field('HOST_IP', 'status.hostIP'),
          field('POD_IP', 'status.podIP'),
          field('NODE_NAME', 'spec.nodeName'),
        ],
      },
    ),
  )
}
