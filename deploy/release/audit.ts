/** What `npm audit` says: nothing, that packages have known vulnerabilities, or that the registry does not tell. */

export type Audit =
  | { readonly kind: 'clean' }
  | { readonly kind: 'vulnerable'; readonly packages: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }

interface Report {
  readonly invalid?: readonly { readonly name: string }[]
  readonly auditReportVersion?: number
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string }>>
  readonly message?: string
  readonly error?: { readonly summary?: string }
}

/** From which severity on a release is not made. */
const SEVERE = ['moderate', 'high', 'critical']

function parsed(stdout: string): Report {
  try {
    return JSON.parse(stdout) as Report
  } catch {
    return {}
  }
}

function refused({ message, error }: Report, stderr: string): Audit {
  const said = /^npm (?:error|warn)(?: audit| code| network)* (.*)$/m.exec(stderr)?.[1]
  return { kind: 'refused', reason: message ?? error?.summary ?? said ?? 'no report' }
}

/** @param stderr npm's own words, where the registry's answer is not a report */
export function auditOf(stdout: string, stderr: string): Audit {
  const report = parsed(stdout)
  if (report.auditReportVersion === undefined || report.vulnerabilities === undefined)
    return refused(report, stderr)
  const packages = Object.entries(report.vulnerabilities)
    .filter(([, { severity }]) => SEVERE.includes(severity))
    .map(([name, { severity }]) => `${name} (${severity})`)
  return packages.length > 0 ? { kind: 'vulnerable', packages } : { kind: 'clean' }
}

/** Of `npm audit signatures --json`. */
export function signaturesOf(stdout: string, stderr: string): Audit {
  const report = parsed(stdout)
  if (report.invalid === undefined) return refused(report, stderr)
  const packages = report.invalid.map(({ name }) => name)
  return packages.length > 0 ? { kind: 'vulnerable', packages } : { kind: 'clean' }
}
