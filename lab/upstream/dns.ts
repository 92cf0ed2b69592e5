// Cluster DNS where the kubelets send every pod's questions: CoreDNS as a pod, reached through a Service.

import { apply, waitForPods } from '../scenarios/cluster.ts'
import { DNS_IMAGE } from './images.ts'

/** The kubelet's `clusterDNS`. */
export const DNS_ADDRESS = '10.96.0.10'

const NAMESPACE = 'kube-system'
const LABELS = { 'k8s-app': 'kube-dns' }

const COREFILE = `.:53 {
    errors
    ready
    cache 30
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
    }
}
`

const ROLE = [
  { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
]

function objects(): object[] {
  const name = 'coredns'
  const metadata = { name, namespace: NAMESPACE }
  const rbac = 'rbac.authorization.k8s.io'
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name }, rules: ROLE },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: COREFILE } },
    service(),
    deployment(name),
  ]
}

function service(): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: NAMESPACE, labels: LABELS },
    spec: {
      clusterIP: DNS_ADDRESS,
      selector: LABELS,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  }
}

function deployment(name: string): object {
  const container = {
    name,
    image: DNS_IMAGE,
    imagePullPolicy: 'Never',
    args: ['-conf', '/etc/coredns/Corefile'],
    readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 3 },
    volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE, labels: LABELS },
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: name,
          priorityClassName: 'system-cluster-critical',
          dnsPolicy: 'Default',
          containers: [container],
          volumes: [{ name: 'config', configMap: { name } }],
        },
      },
    },
  }
}

/** Resolves when it answers. Applied again it changes nothing. */
export async function startDns(): Promise<void> {
  await apply(...objects())
  await waitForPods('k8s-app=kube-dns', 1, { namespace: NAMESPACE })
}
