/** What the configuration says of HTTP servers, beyond what its schema can see. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { SectionInput } from '@podroute/feature/section.ts'
import type { BaseFile } from './base.ts'

/** As PEM. */
export interface MetricsCertificate {
  readonly cert: string
  readonly key: string
}

/** Undefined where there is none, or where it cannot be used, which is a problem then. */
export function metricsCertificate(
  { tls, tokenReview, address }: BaseFile['metrics'],
  input: SectionInput,
): MetricsCertificate | undefined {
  if (!tls) {
    if (tokenReview && address !== 'localhost')
      input.problem('metrics.tokenReview', 'tokens would cross the network readable: give metrics.tls, too')
    return undefined
  }
  const cert = input.readSecret(tls.certFile, 'metrics.tls.certFile')
  const key = input.readSecret(tls.keyFile, 'metrics.tls.keyFile')
  if (cert === undefined || key === undefined) return undefined
  const problem = mismatch(cert, key)
  if (problem === undefined) return { cert, key }
  input.problem('metrics.tls', problem)
  return undefined
}

/** The files of a Secret change one after the other nowhere but in the kubelet's folder, where they change together. */
function mismatch(cert: string, key: string): string | undefined {
  try {
    const fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
    return fits ? undefined : 'keyFile is not the key of the certificate in certFile'
  } catch (error) {
    return `certFile and keyFile must be PEM: ${(error as Error).message}`
  }
}

/** Paths of listeners that want the node's addresses. */
export function nodeListeners(file: Readonly<Record<string, unknown>>, at = ''): string[] {
  return Object.entries(file).flatMap(([name, value]) => {
    if (name === 'address' && value === 'node') return [`${at}${name}`]
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? nodeListeners(value as Record<string, unknown>, `${at}${name}.`) : []
  })
}
