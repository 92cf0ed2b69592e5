/** The agent's own keys of the configuration file; the others are the sections of its features. */
import { listener, prefix } from '@podroute/feature/schema.ts'
import type { AnySection } from '@podroute/feature/section.ts'
import * as z from 'zod'

const httpsUrl = z.url({ protocol: /^https$/, message: 'not an https:// URL' })

const BASE_SHAPE = {
  /** Ranges that Services take their addresses from; no route into them is ever learned. */
  serviceCIDRs: z.array(prefix).default([]),
  /** Ranges that nodes take their addresses from: what a Node claims beside them is not taken for a node's. */
  nodeCIDRs: z.array(prefix).default([]),
  /** URL of the API server; found by itself when absent. */
  apiServer: httpsUrl.optional(),
  /** Kubeconfig files whose server is used when apiServer is absent: what prepare-node took over of the kubelet's own. */
  kubeletKubeconfigs: z
    .array(z.string())
    .default(['/run/podroute-node/kubeconfig', '/run/podroute-node/kubelet.conf']),
  health: listener(20244).prefault({}),
  metrics: listener(20245)
    .extend({
      tls: z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) }).optional(),
      /** Answers only those whose token the API server knows (TokenReview), and who may get /metrics (SubjectAccessReview). */
      tokenReview: z.boolean().default(false),
    })
    .prefault({}),
  adminSocket: z.string().startsWith('/').default('/run/podroute/podroute.sock'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['text', 'json']).default('text'),
    })
    .prefault({}),
}

/** What the agent's own keys say, with the defaults filled in. */
export type BaseFile = z.infer<z.ZodObject<typeof BASE_SHAPE>>

/** The whole file: the agent's keys and those of every section. */
export function fileSchema(sections: Iterable<AnySection>): z.ZodObject {
  return z.strictObject(Object.assign({}, BASE_SHAPE, ...[...sections].map(({ shape }) => shape)))
}
