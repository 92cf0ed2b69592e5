/**
 * What Prometheus finds by `kubernetes_sd_configs` with `role: pod`, of pods as the API server has them: Debian's is built without that
 * discovery, so that it reads this as a file; `npm test -- discovery` holds it to what Prometheus' own discovery finds. Labels as https://prometheus.io/docs/prometheus/latest/configuration/configuration/#pod has them.
 */

interface Container {
  readonly name: string
  readonly image: string
  readonly ports?: readonly {
    readonly name?: string
    readonly containerPort: number
    readonly protocol?: string
  }[]
}

export interface FoundPod {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly nodeName: string
    readonly containers: readonly Container[]
    readonly initContainers?: readonly Container[]
  }
  readonly status: { readonly podIP?: string; readonly phase: string }
}

export interface Target {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** One for each port of each container, and one for a container without any; none of a pod without an address. */
export function targetsOf({ metadata, spec, status }: FoundPod): readonly Target[] {
  const { podIP } = status
  if (podIP === undefined) return []
  const host = podIP.includes(':') ? `[${podIP}]` : podIP
  const ofPod = {
    namespace: metadata.namespace,
    pod_name: metadata.name,
    ...{ pod_ip: podIP, pod_node_name: spec.nodeName, pod_phase: status.phase },
    ...Object.fromEntries(
      Object.entries(metadata.labels ?? {}).map(([name, value]) => [
        `pod_label_${name.replaceAll(/\W/g, '_')}`,
        value,
      ]),
    ),
  }
  const containers = [
    ...spec.containers.map((container) => ({ ...container, init: false })),
    ...(spec.initContainers ?? []).map((container) => ({ ...container, init: true })),
  ]
  return containers.flatMap(({ name, image, init, ports = [] }) => {
    const ofContainer = {
      ...ofPod,
      pod_container_name: name,
      pod_container_image: image,
      pod_container_init: `${init}`,
    }
    if (ports.length === 0) return [{ targets: [host], labels: meta(ofContainer) }]
    return ports.map((port) => ({
      targets: [`${host}:${port.containerPort}`],
      labels: meta({
        ...ofContainer,
        pod_container_port_name: port.name ?? '',
        pod_container_port_number: `${port.containerPort}`,
        pod_container_port_protocol: port.protocol ?? 'TCP',
      }),
    }))
  })
}

function meta(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [`__meta_kubernetes_${name}`, value]),
  )
}
