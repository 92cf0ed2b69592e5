/** The agent's own keys of the configuration file; the others are the sections of its features. */
import { listener, prefix } from '@podroute/feature/schema.ts'
import type { AnySection } from '@podroute/feature/section.ts'
import * as z from 'zod'

const httpsUrl = z.url({ protocol: /^https$/, message: 'not an https:// URL' })

const BASE_SHAPE = {
  serviceCIDRs: z
    .array(prefix)
    .default([])
    .describe(
      'Ranges that Services take their addresses from, where the API server does not tell them (before Kubernetes 1.33). No route into them is ever learned.',
    ),
  nodeCIDRs: z
    .array(prefix)
    .default([])
    .describe(
      'Ranges that nodes take their addresses from: what a Node claims beside them is not taken for a node’s. Empty: the first address of each family of a Node counts, if nobody else has it.',
    ),
  apiServer: httpsUrl
    .optional()
    .describe(
      'URL of the API server. Absent: the server of the kubelet’s kubeconfig, which needs no Service.',
    ),
  kubeletKubeconfigs: z
    .array(z.string())
    .default(['/run/podroute-node/kubeconfig', '/run/podroute-node/kubelet.conf'])
    .describe(
      'Kubeconfig files whose server is used when apiServer is absent. The init container prepare-node writes them.',
    ),
  health: listener(20244)
    .prefault({})
    .describe(
      'Where /livez, /readyz and /healthz are served. The probes of the DaemonSet name the port: change them first.',
    ),
  metrics: listener(20245)
    .extend({
      tls: z
        .strictObject({
          certFile: z.string().min(1).describe('PEM file with the certificate. It may change at any time.'),
          keyFile: z.string().min(1).describe('PEM file with the key of that certificate.'),
        })
        .optional()
        .describe('Serves metrics by HTTPS. Absent: by HTTP.'),
      tokenReview: z
        .boolean()
        .default(false)
        .describe(
          'Answers only those whose token the API server knows (TokenReview) and lets get that path (SubjectAccessReview). Apply deploy/metrics-reader.yaml first; it needs tls, or the address localhost.',
        ),
    })
    .prefault({})
    .describe('Where /metrics, /statusz and /configz are served, and to whom.'),
  adminSocket: z
    .string()
    .startsWith('/')
    .default('/run/podroute/podroute.sock')
    .describe('Path of the socket that the command podroute talks to.'),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('The least important lines that are logged.'),
      format: z.enum(['text', 'json']).default('text').describe('How a line is written.'),
    })
    .prefault({})
    .describe('The agent’s log.'),
}

/** What the agent's own keys say, with the defaults filled in. */
export type BaseFile = z.infer<z.ZodObject<typeof BASE_SHAPE>>

/** The whole file: the agent's keys and those of every section. */
export function fileSchema(sections: Iterable<AnySection>): z.ZodObject {
  return z.strictObject(Object.assign({}, BASE_SHAPE, ...[...sections].map(({ shape }) => shape)))
}
