/** Other pod networks, which podroute is measured beside and nodes are moved from: their programs in an image and a DaemonSet. */
import { chmod, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { API_ADDRESS, API_PORT, CLUSTER_ASN, NODES, ROUTER } from '../../lab/addresses.ts'
import { archiveTree, makeFolders } from '../../lab/images/archive.ts'
import { linkApplets } from '../../lab/images/pods.ts'
import type { ClusterNetwork } from '../../lab/lifecycle.ts'
import { apply, waitForPods } from '../../lab/scenarios/cluster.ts'
import { KUBECONFIG } from '../../lab/state.ts'
import { buildKindnet, buildKubeRouter } from '../../lab/tools/peer-networks.ts'
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
function daemonSet(name: string, init: Container, main: Container, not = 'none') {
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
    ...{ serviceAccountName: name, terminationGracePeriodSeconds: 5, affinity: withoutLabel(not) },
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

const withoutLabel = (value: string) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'network', operator: 'NotIn', values: [value] }] }],
    },
  },
})

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

/** What needs more of the kernel than the lab's has is off, which makes it quicker, if anything. */
export async function kindnet(into: string): Promise<Peer> {
  const name = 'kindnet'
  const folder = await buildKindnet()
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

const CONFLIST = JSON.stringify({
  ...{ cniVersion: '0.3.0', name: 'mynet' },
  plugins: [
    {
      ...{
        name: 'kubernetes',
        type: 'bridge',
        bridge: 'kube-bridge',
        isDefaultGateway: true,
        hairpinMode: true,
      },
      ipam: { type: 'host-local' },
    },
    { type: 'portmap', capabilities: { snat: true, portMappings: true } },
  ],
})

/**
 * It runs in the node's own file system, where iptables and ipset are, on nodes that do not have the label `network: podroute`, with the
 * plugins of the CNI project, as its manifest installs them; with `firewall`, it enforces network policies, too.
 */
export async function kubeRouter(into: string, firewall = false): Promise<Peer> {
  const name = 'kube-router'
  const program = join(await buildKubeRouter(), name)
  const plugins = await buildReferencePlugins()
  const files = [program, ...PLUGINS.map((plugin) => join(plugins, plugin))]
  const archive = await imageOf(name, files, into)
  const wait = networkOf(name, archive, {}).wait
  return {
    ...{ name, archive, wait, title: `apply ${name}` },
    apply: async () => {
      const kubeconfig = await readFile(KUBECONFIG, 'utf8')
      const main = {
        ...KUBE_ROUTER,
        command: [...KUBE_ROUTER.command, `--run-firewall=${firewall}`],
      }
      await apply(...rights(name), daemonSet(name, kubeRouterInstall(kubeconfig), main, 'podroute'))
    },
  }
}

const PLUGINS = ['bridge', 'host-local', 'loopback', 'portmap']
const HOST = { '/': '/host' }

function kubeRouterInstall(kubeconfig: string): Container {
  const install = `cp ${PLUGINS.map((plugin) => `/plugins/${plugin}`).join(' ')} /host/opt/cni/bin/
mkdir -p /host/run/kube-router
cp /plugins/kube-router /host/run/kube-router/
cat > /host/run/kube-router/kubeconfig <<'END'
${kubeconfig}
END
echo '${CONFLIST}' > /host${CONFLIST_FILE}`
  return { command: ['/bin/sh', '-ec', install], mounts: HOST }
}

/** Into this file it writes the node's prefix. Where nothing is said it looks for one that ends with .conf, and pods get no address. */
const CONFLIST_FILE = '/etc/cni/net.d/10-kuberouter.conflist'

const KUBE_ROUTER: Container = {
  command: [
    ...[
      '/bin/chroot',
      '/host',
      '/usr/bin/env',
      'PATH=/run/kube-router:/usr/sbin:/usr/bin:/sbin:/bin',
      'kube-router',
    ],
    ...['--run-router=true', '--run-service-proxy=true', '--bgp-graceful-restart=true'],
    ...[
      `--cluster-asn=${CLUSTER_ASN}`,
      `--peer-router-ips=${ROUTER.ipv4}`,
      `--peer-router-asns=${ROUTER.asn}`,
    ],
    ...['--hostname-override=$(NODE_NAME)', '--kubeconfig=/run/kube-router/kubeconfig'],
  ],
  mounts: HOST,
  env: [field('NODE_NAME', 'spec.nodeName'), { name: 'KUBE_ROUTER_CNI_CONF_FILE', value: CONFLIST_FILE }],
}
