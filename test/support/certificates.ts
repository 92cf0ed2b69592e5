/** Certificates for servers in tests. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestCertificate {
  readonly cert: string
  readonly key: string
}

/** Signed by itself. */
export function makeCertificate(commonName: string): TestCertificate {
  const directory = mkdtempSync(join(tmpdir(), 'podroute-certificate-'))
  const [cert, key] = [join(directory, 'cert'), join(directory, 'key')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  try {
    const args = ['req', '-x509', ...curve, '-subj', `/CN=${commonName}`, '-keyout', key, '-out', cert]
    execFileSync('openssl', args, { stdio: 'pipe' })
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
