/** The pods and Services that are made, as objects of the API. */
import { TRIAL_ROLE as LABEL, type Trial } from '@podroute/feature/trial.ts'
import { serverProgram } from './pod-programs.ts'
import {
  AFFINITY,
  ALL,
  clientOf,
  guardedOf,
  HEADLESS,
  localOf,
  oneOf,
  POD_PORT,
  SERVICE_PORT,
  serverOf,
} from './stand.ts'

export function namespaceObject(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [LABEL]: 'true' } } }
}

export interface StandOptions {
  readonly namespace: string
  /** Names. */
  readonly nodes: readonly string[]
  readonly image: string
  readonly trials: readonly Trial[]
}

export function standObjects({ namespace, nodes, image, trials }: StandOptions): readonly object[] {
  const pods = nodes.flatMap((node, i) => [
    pod(namespace, serverOf(i), node, image),
    pod(namespace, clientOf(i), node, image),
    ...(trials.length > 0 ? [pod(namespace, guardedOf(i), node, image)] : []),
  ])
  const servers = { [LABEL]: 'server' }
  const service = (name: string, spec: object) => serviceObject(namespace, name, spec)
  const each = nodes.flatMap((_, i) => {
    const selector = { [NAME_LABEL]: serverOf(i) }
    return [
      service(oneOf(i), { selector }),
      service(localOf(i), {
        ...{ selector, type: 'NodePort' },
        ...{ externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
      }),
    ]
  })
  return [
    ...pods,
    service(ALL, { selector: servers, type: 'NodePort' }),
    service(AFFINITY, { selector: servers, sessionAffinity: 'ClientIP' }),
    service(HEADLESS, { selector: servers, clusterIP: 'None' }),
    ...each,
    ...trials.flatMap(({ objects }) => objects),
  ]
}

const NAME_LABEL = `${LABEL}-pod`

/** With as few rights as a pod can have; on its node, whatever the scheduler or a taint say. */
function pod(namespace: string, name: string, nodeName: string, image: string): object {
  const [kind] = name.split('-')
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name, namespace, labels: { [LABEL]: kind, [NAME_LABEL]: name } },
    spec: {
      ...{ nodeName, tolerations: [{ operator: 'Exists' }], restartPolicy: 'Always' },
      ...{ automountServiceAccountToken: false, enableServiceLinks: false, terminationGracePeriodSeconds: 0 },
      securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          ...{ name: 'pod', image, imagePullPolicy: 'IfNotPresent' },
          command: ['node', '-e', serverProgram(name, POD_PORT)],
          resources: { requests: { cpu: '10m', memory: '48Mi' } },
          securityContext: {
            ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  }
}

function serviceObject(namespace: string, name: string, spec: object): object {
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({
    ...{ name: protocol.toLowerCase(), protocol, port: SERVICE_PORT, targetPort: POD_PORT },
  }))
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
    spec: { ports, ipFamilyPolicy: 'PreferDualStack', ...spec },
  }
}
